"""A rule's `blend`, up to the answer that the app gets."""

from __future__ import annotations

import pytest

from tests.fakes.front import fronted
from tests.fakes.odd_scorers import Reversing

STORE_ORDER = [f"row-{row}" for row in range(20)]


async def page(**rule):
    async with fronted({"local": Reversing(name="local")}, rule=rule) as front:
        await front.app.loaded()
        _, body = await front.ask()
    return body["ids"][0], body["distances"][0]


@pytest.mark.parametrize(("blend", "order"), [(0.0, STORE_ORDER[::-1]), (0.9, STORE_ORDER)])
async def test_the_store_s_score_decides_as_much_as_the_rule_says(blend, order):
    """The store's distances rise along its order, of which the reranker thinks the opposite."""
    assert (await page(blend=blend))[0] == order


async def test_the_scores_that_replace_the_store_s_are_those_of_the_order():
    ids, distances = await page(blend=0.9, scores="replace")

    assert ids == STORE_ORDER
    assert distances == sorted(distances)
    # Both are evenly spaced, so the extremes are 1.6475 deviations away: 0.9 of that, less 0.1 of it.
    assert distances[0] == pytest.approx(-0.8 * 1.6475, abs=1e-3)

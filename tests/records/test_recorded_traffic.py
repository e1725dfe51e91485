"""Real requests through midrank, and what is written down of them."""

from __future__ import annotations

import pytest

from tests.fakes.front import fronted
from tests.fakes.odd_scorers import Reversing
from tests.fakes.record_desk import records_in


@pytest.mark.wire
async def test_what_was_answered_is_what_was_recorded(tmp_path):
    record = {"folder": str(tmp_path), "texts": "keep"}
    async with fronted({"local": Reversing(name="local")}, record=record) as front:
        headers, body = await front.ask("which passage?")
        shown = body["ids"][0]

    (search,) = await records_in(tmp_path)
    assert search.exchange == headers["x-midrank-exchange"]
    assert search.query == "which passage?"
    page = search.order[search.page_start : search.page_stop]
    assert [search.candidates[place].id for place in page] == shown
    assert all(one.text.startswith("Passage ") for one in search.candidates)
    assert (search.outcome, search.scorer, search.scored) == ("reranked", "local", len(search.candidates))


@pytest.mark.wire
async def test_neither_headers_nor_vectors_are_written(tmp_path):
    secret = "Bearer-of-the-secret-0123456789"
    async with fronted({"local": Reversing(name="local")}, record={"folder": str(tmp_path)}) as front:
        await front.ask("which passage?", headers={"authorization": secret, "x-api-key": secret})

    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for text in (secret, "Passage", "which passage", "embedding", "row-"):
        assert text.encode() not in content

"""A difference has an interval where there are queries enough for one."""

from __future__ import annotations

import pytest

from proxy.evaluation.results import FEWEST_QUERIES
from proxy.stats.paired import mean_difference
from proxy.tuning.gaps import gap_between


def test_with_enough_queries_the_interval_is_that_of_the_bootstrap():
    before, after = [0.1, 0.5] * FEWEST_QUERIES, [0.2, 0.5] * FEWEST_QUERIES
    found = gap_between(before, after)

    assert found == mean_difference(before, after)
    assert str(found) == "+.050 (+.036 to +.064)"


@pytest.mark.parametrize("queries", [1, 3, FEWEST_QUERIES - 1])
def test_with_fewer_there_is_none(queries):
    found = gap_between([0.1] * queries, [0.4] * queries)

    assert found == (pytest.approx(0.3), None, None)
    assert str(found) == "+.300"


def test_one_more_is_enough():
    assert gap_between([0.0] * FEWEST_QUERIES, [0.5] * FEWEST_QUERIES) == (0.5, 0.5, 0.5)


def test_what_is_no_pair_is_not_compared():
    with pytest.raises(ValueError, match="pairs of numbers"):
        gap_between([0.0], [])

import math

from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.latency import Latency, percentiles


def test_of_three_hundred_times_the_p99_is_the_fourth_slowest():
    assert percentiles(range(300, 0, -1)) == Latency(150, 285, 297)


def test_of_few_times_the_p99_is_the_slowest():
    assert percentiles(range(99)).p99 == 98
    assert percentiles(range(100)).p99 == 98
    assert percentiles([0.25]) == Latency(0.25, 0.25, 0.25)


def test_of_no_times_all_is_nothing():
    assert percentiles([]) == Latency(0, 0, 0)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=400))
def test_percentiles_are_the_times_at_the_nearest_rank(seconds):
    ranked = sorted(seconds)

    assert percentiles(seconds) == tuple(
        ranked[math.ceil(percent * len(ranked) / 100) - 1] for percent in (50, 95, 99)
    )

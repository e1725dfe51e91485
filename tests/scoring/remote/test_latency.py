from __future__ import annotations

from proxy.scoring.remote.latency import Latency
from tests.fakes.clocks import Clock


def test_nothing_is_known_before_the_first_call():
    latency = Latency(Clock())

    assert (len(latency), latency.quantile(0.9)) == (0, 0.0)


def test_quantiles_are_times_that_calls_took():
    latency = Latency(Clock())
    for seconds in range(1, 101):
        latency.took(seconds)

    assert [latency.quantile(share) for share in (0.0, 0.5, 0.9, 0.95, 1.0)] == [1, 51, 91, 96, 100]


def test_old_calls_are_forgotten_for_new_ones():
    latency = Latency(Clock())
    for seconds in [9.0] * 200 + [1.0] * 128:
        latency.took(seconds)

    assert latency.quantile(1.0) == 1.0


def test_a_call_that_was_given_up_counts_as_a_longer_one():
    latency = Latency(Clock())
    latency.took(0.1)
    latency.took(2.0, given_up=True)

    assert latency.quantile(0.9) == 4.0


def test_all_is_forgotten_when_nobody_asked_for_a_while():
    """Else whoever is too slow to be asked would never be known to have become faster."""
    clock = Clock()
    latency = Latency(clock)
    latency.took(5.0)
    clock.now += 60

    assert latency.quantile(0.9) == 0.0

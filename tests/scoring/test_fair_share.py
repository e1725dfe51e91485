"""Shares of a model's time, with a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.fair_share import FairShare, max_min


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def arrivals(share: FairShare, clock: Clock, tenants: dict[str, float], *, work=0.1, seconds=5.0):
    """Let tenants ask for so many jobs a second; return the shares that each got, in time's order."""
    got: dict[str, list[float]] = {tenant: [] for tenant in tenants}
    events = sorted(
        (number / rate, tenant) for tenant, rate in tenants.items() for number in range(int(rate * seconds))
    )
    for time, tenant in events:
        clock.now = time
        got[tenant].append(share.ask(tenant, work))
    return got


def test_with_enough_for_all_everyone_gets_everything():
    clock = Clock()
    shares = arrivals(FairShare(2.0, clock), clock, {"a": 5.0, "b": 5.0})
    assert min(shares["a"][10:] + shares["b"][10:]) == 1.0


@pytest.mark.parametrize("times", [2.0, 5.0, 10.0])
def test_under_overload_everyone_is_cut_alike(times):
    clock = Clock()
    shares = arrivals(FairShare(2.0, clock), clock, {"a": 20.0 * times})
    assert shares["a"][-1] == pytest.approx(1 / times, rel=0.1)


def test_one_who_asks_for_little_is_not_cut_by_one_who_asks_for_much():
    clock = Clock()
    shares = arrivals(FairShare(2.0, clock), clock, {"loud": 200.0, "quiet": 5.0})
    assert min(shares["quiet"][10:]) == 1.0
    assert shares["loud"][-1] == pytest.approx(1.5 / 20, rel=0.1)


def test_a_surge_is_forgotten_after_a_while():
    clock = Clock()
    share = FairShare(1.0, clock)
    for _ in range(100):
        share.ask("a", 0.1)
    assert share.load > 9
    clock.now += 10
    assert share.load < 0.01
    assert share.ask("a", 0.1) == 1.0


def test_work_that_has_long_to_go_is_averaged_over_that_time():
    """Else ten seconds' worth of work, due in ten seconds, would look like ten times too much for one."""
    clock = Clock()
    share = FairShare(1.0, clock)
    for _ in range(100):
        clock.now += 0.5
        share.ask("loud", 5.0, span=10.0)
    assert share.load == pytest.approx(10.0, rel=0.1)
    assert share.ask("quiet", 0.1, span=10.0) == 1.0


def test_tenants_that_are_gone_take_no_memory():
    clock = Clock()
    share = FairShare(1.0, clock)
    for number in range(1000):
        clock.now += 1
        share.ask(str(number), 0.1)
        share.serve(str(number), 0.1)
        share.turn(str(number), 0.5)
    assert len(share._demand) < 20
    assert len(share.served) < 20
    assert len(share._spare) < 20


def test_of_those_that_get_a_third_every_third_one_has_its_turn():
    clock = Clock()
    share = FairShare(1.0, clock)
    share.ask("a", 1.0)
    assert sum(share.turn("a", 1 / 3) for _ in range(300)) == pytest.approx(100, abs=1)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 100), min_size=1), st.floats(0.01, 100))
def test_shares_are_max_min_fair(demand, capacity):
    shares = max_min(demand, capacity)
    assert all(0 <= shares[tenant] <= wanted + 1e-9 for tenant, wanted in demand.items())
    assert sum(shares.values()) == pytest.approx(min(capacity, sum(demand.values())))
    largest = max(shares.values())
    for tenant, wanted in demand.items():
        assert shares[tenant] == pytest.approx(wanted) or shares[tenant] == pytest.approx(largest)

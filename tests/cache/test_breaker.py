from __future__ import annotations

import pytest

from proxy.cache.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    """One that has found its server."""
    breaker = Breaker(clock=clock, chance=lambda: 1.0)
    breaker.close()
    return breaker


def fail(breaker, clock, times):
    for _ in range(times):
        clock.now += 0.01
        breaker.failed()


def test_it_is_open_until_a_server_was_found(clock):
    breaker = Breaker(clock=clock)
    assert breaker.is_open
    breaker.worked()
    assert breaker.is_open
    breaker.close()
    assert not breaker.is_open
    assert breaker.closed.is_set()


def test_three_failures_in_a_row_open_it(breaker, clock):
    fail(breaker, clock, 2)
    breaker.worked()
    fail(breaker, clock, 2)
    assert not breaker.is_open

    fail(breaker, clock, 1)

    assert breaker.is_open
    assert not breaker.closed.is_set()


def test_what_fails_at_the_same_time_is_one_failure(breaker, clock):
    clock.now += 1
    for _ in range(500):
        breaker.failed()

    assert not breaker.is_open


def test_after_a_probe_one_failure_opens_it_again(breaker, clock):
    breaker.trip()
    breaker.close()
    fail(breaker, clock, 1)

    assert breaker.is_open
    assert breaker.openings == 2


def test_after_a_probe_and_a_success_all_is_as_before(breaker, clock):
    breaker.trip()
    breaker.next_pause()
    breaker.close()
    breaker.worked()
    fail(breaker, clock, 2)

    assert not breaker.is_open
    assert breaker.next_pause() == 0.05


def test_pauses_grow_up_to_a_bound(breaker):
    breaker.trip()
    pauses = [breaker.next_pause() for _ in range(12)]

    assert pauses[:4] == [0.05, 0.1, 0.2, 0.4]
    assert pauses[-1] == 30.0


def test_a_server_that_is_there_but_late_is_tried_again_soon(breaker):
    breaker.trip()
    pauses = [breaker.next_pause() for _ in range(12)] + [breaker.next_pause(late=True) for _ in range(12)]

    assert pauses[11:14] == [30.0, 1.0, 1.0]
    assert pauses[-1] == 1.0


def test_pauses_grow_while_only_probes_work(breaker, clock):
    pauses = []
    for _ in range(12):
        breaker.trip()
        pauses.append(breaker.next_pause())
        breaker.close()
        clock.now += 1

    assert pauses[:4] == [0.05, 0.1, 0.2, 0.4]
    assert pauses[-1] == 30.0


def test_an_old_outage_makes_no_pause_longer(breaker, clock):
    breaker.trip()
    breaker.next_pause()
    breaker.close()
    clock.now += 31
    breaker.trip()

    assert breaker.next_pause() == 0.05


def test_chance_shortens_a_pause_by_half_at_most(clock):
    assert Breaker(clock=clock, chance=lambda: 0.0).next_pause() == 0.025


def test_opening_it_twice_is_opening_it_once(breaker, clock):
    breaker.trip()
    breaker.trip()
    breaker.failed()

    assert breaker.openings == 1

from __future__ import annotations

import pytest

from proxy.model import Reason
from proxy.scoring.remote.endpoints import Endpoints
from proxy.scoring.remote.http import RemoteFailed
from tests.fakes.clocks import Clock


@pytest.fixture
def clock():
    return Clock()


def endpoints(clock, count=3):
    return Endpoints([f"http://{letter}" for letter in "abcdefgh"[:count]], clock)


def picked(some, times):
    return "".join(some.pick().url[-1] for _ in range(times))


def fail(some, url, clock, times):
    for one in some._all:
        if one.url == url:
            for _ in range(times):
                one.failed(clock.now)


def test_idle_endpoints_take_turns(clock):
    assert picked(endpoints(clock), 7) == "abcabca"


def test_the_least_busy_one_is_asked(clock):
    some = endpoints(clock)
    some.pick().under_way = 3
    some.pick().under_way = 1
    some.pick().under_way = 2

    assert some.pick().url == "http://b"


def test_a_second_try_goes_to_another_one(clock):
    some = endpoints(clock, 2)
    first = some.pick()

    assert some.pick([first]) is not first
    assert endpoints(clock, 1).pick([first]).url == "http://a"


def test_one_that_wants_to_be_left_alone_is_not_asked_until_then(clock):
    some = endpoints(clock, 2)
    some.pick().leave_alone(clock.now, 7.0, began=clock.now)

    assert picked(some, 3) == "bbb"
    clock.now += 7
    assert "a" in picked(some, 2)


def test_nobody_is_asked_while_all_want_to_be_left_alone(clock):
    some = endpoints(clock, 2)
    some.pick().leave_alone(clock.now, 7.0, began=clock.now)
    some.pick().leave_alone(clock.now, 3.0, began=clock.now)

    with pytest.raises(RemoteFailed) as failed:
        some.pick()

    assert (failed.value.reason, failed.value.retry_after, some.rest) == (Reason.RATE_LIMITED, 3.0, 3.0)


def test_one_that_refuses_without_a_time_is_left_alone_from_the_second_time_in_a_row(clock):
    some = endpoints(clock, 1)
    rests = []
    for _ in range(9):
        clock.now += some.rest
        some.pick().leave_alone(clock.now, None, began=clock.now)
        rests.append(some.rest)

    assert rests == pytest.approx([0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])

    clock.now += some.rest
    one = some.pick()
    one.worked(clock.now)
    one.leave_alone(clock.now, None, began=clock.now)
    assert some.rest == 0


def test_refusals_of_one_burst_are_one(clock):
    some = endpoints(clock, 1)
    began = clock.now
    for _ in range(8):
        clock.now += 0.01
        some.pick().leave_alone(clock.now, None, began=began)

    assert some.rest == 0


def test_a_time_of_our_own_is_not_told_as_theirs(clock):
    some = endpoints(clock, 2)
    for _ in range(4):
        some.pick().leave_alone(clock.now, None, began=clock.now)

    assert (some.rest, some.named_rest) == (pytest.approx(0.1), None)
    with pytest.raises(RemoteFailed) as failed:
        some.pick()
    assert failed.value.retry_after is None


def test_one_that_fails_in_a_row_is_ejected(clock):
    some = endpoints(clock)
    fail(some, "http://a", clock, 3)

    assert some.ejected == 1
    assert "a" not in picked(some, 6)


def test_one_that_fails_half_of_the_time_is_ejected(clock):
    some = endpoints(clock, 2)
    one = some.pick()
    for _ in range(5):
        one.worked(clock.now)
        one.failed(clock.now)

    assert some.ejected == 1


def test_one_that_fails_now_and_then_is_not(clock):
    some = endpoints(clock, 2)
    one = some.pick()
    for _ in range(50):
        one.worked(clock.now)
        one.worked(clock.now)
        one.failed(clock.now)

    assert some.ejected == 0


def test_one_that_comes_back_gets_copies_until_one_has_worked(clock):
    some = endpoints(clock, 2)
    fail(some, "http://a", clock, 3)
    assert some.to_probe() is None
    clock.now += 1.0

    one = some.to_probe()
    assert one is not None
    assert one.url == "http://a"
    assert picked(some, 3) == "bbb"

    one.worked(clock.now)
    assert some.to_probe() is None
    assert "a" in picked(some, 2)


def test_where_none_is_well_there_are_no_copies(clock):
    some = endpoints(clock, 2)
    fail(some, "http://a", clock, 3)
    fail(some, "http://b", clock, 3)
    clock.now += 1.0

    assert some.to_probe() is None
    assert picked(some, 4) == "abab"


def test_one_that_comes_back_and_fails_is_gone_for_longer(clock):
    some = endpoints(clock, 2)
    fail(some, "http://a", clock, 3)
    gone = []
    for _ in range(8):
        back = next(one for one in some._all if one.url == "http://a")
        gone.append(back.ejected_until - clock.now)
        clock.now = back.ejected_until
        back.failed(clock.now)

    assert gone == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])


def test_one_that_has_worked_for_as_long_as_it_was_gone_starts_anew(clock):
    some = endpoints(clock, 2)
    one = some.pick()
    fail(some, one.url, clock, 3)
    clock.now += 1.0
    one.worked(clock.now)
    clock.now += 1.5
    one.worked(clock.now)

    fail(some, one.url, clock, 3)

    assert one.ejected_until - clock.now == pytest.approx(1.0)


def test_failures_of_calls_that_began_before_an_ejection_do_not_prolong_it(clock):
    some = endpoints(clock, 2)
    fail(some, "http://a", clock, 20)

    assert next(one for one in some._all if one.url == "http://a").ejected_until == clock.now + 1.0


def test_where_all_are_ejected_all_are_asked(clock):
    some = endpoints(clock, 2)
    fail(some, "http://a", clock, 3)
    fail(some, "http://b", clock, 3)

    assert picked(some, 4) == "abab"


def test_an_ejected_one_is_asked_before_one_that_wants_to_be_left_alone(clock):
    some = endpoints(clock, 2)
    fail(some, "http://a", clock, 3)
    some.pick().leave_alone(clock.now, 7.0, began=clock.now)

    assert picked(some, 2) == "aa"

"""When a model is left alone, for how long, and what brings it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from proxy.scoring.breaker import MAX_CALLS, Breaker, BreakerRules, Call, State

RULES = BreakerRules(
    failure_rate=0.5, slow_rate=0.8, window=30.0, min_calls=4, first_pause=2.0, longest_pause=60.0
)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def breaker(clock, *, chance=1.0, **changes):
    rules = {field: getattr(RULES, field) for field in RULES.__slots__} | changes
    return Breaker(BreakerRules(**rules), clock=clock, chance=lambda: chance)


def opened(clock, **changes):
    one = breaker(clock, **changes)
    fail(one)
    return one


def fail(one):
    while not one.record(Call.FAILED):
        assert one.state is State.CLOSED
    assert one.state is State.OPEN


def test_it_opens_at_the_failure_rate():
    one = breaker(Clock())

    assert [one.record(call) for call in (Call.GOOD, Call.GOOD, Call.FAILED, Call.FAILED)] == [
        False,
        False,
        False,
        True,
    ]
    assert (one.state, one.openings) == (State.OPEN, 1)


def test_a_few_calls_are_not_judged():
    one = breaker(Clock())

    assert not any(one.record(Call.FAILED) for _ in range(3))
    assert one.state is State.CLOSED


def test_slow_calls_have_a_rate_of_their_own():
    one = breaker(Clock())

    assert not any(one.record(call) for call in (Call.SLOW, Call.SLOW, Call.SLOW, Call.FAILED))
    assert one.record(Call.SLOW)


def test_without_a_slow_rate_lateness_opens_nothing():
    one = breaker(Clock(), slow_rate=None)

    assert not any(one.record(Call.SLOW) for _ in range(100))


def test_calls_that_say_nothing_do_not_count():
    one = breaker(Clock())

    assert not any(one.record(call) for call in (Call.FAILED, Call.VOID, Call.VOID, Call.VOID))
    assert not any(one.record(call) for call in (Call.FAILED, Call.FAILED))
    assert one.record(Call.FAILED)


def test_what_is_older_than_the_window_is_forgotten(clock):
    one = breaker(clock)
    for _ in range(3):
        one.record(Call.FAILED)
    clock.now += 30.1

    assert not any(one.record(Call.FAILED) for _ in range(3))
    assert one.record(Call.FAILED)


def test_the_newest_calls_say_it_all():
    one = breaker(Clock())
    for _ in range(10 * MAX_CALLS):
        one.record(Call.GOOD)
    failures = [one.record(Call.FAILED) for _ in range(MAX_CALLS // 2)]

    assert failures.index(True) == MAX_CALLS // 2 - 1


def test_after_the_pause_one_probe_is_due(clock):
    one = opened(clock)
    assert not one.begin_probe()
    assert one.pause_left == 2.0
    clock.now += 2.0

    assert one.state is State.HALF_OPEN
    assert one.pause_left == 0.0
    assert one.begin_probe()
    assert not one.begin_probe(), "one at a time"


def test_a_good_probe_closes_it_with_a_clean_slate(clock):
    one = opened(clock)
    clock.now += 2.0
    one.begin_probe()
    one.probed(Call.GOOD)

    assert one.state is State.CLOSED
    assert not any(one.record(Call.FAILED) for _ in range(3))


@pytest.mark.parametrize("call", [Call.FAILED, Call.SLOW])
def test_pauses_double_up_to_a_bound(clock, call):
    one = opened(clock)
    pauses = []
    for _ in range(7):
        pauses.append(one.pause_left)
        clock.now += one.pause_left
        assert one.begin_probe()
        one.probed(call)

    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert one.openings == 1, "it never closed in between"


def test_a_probe_that_says_nothing_is_sent_again_after_no_longer_a_pause(clock):
    one = opened(clock)
    pauses = []
    for _ in range(3):
        clock.now += one.pause_left
        one.begin_probe()
        one.probed(Call.VOID)
        pauses.append(one.pause_left)

    assert pauses == [4.0, 4.0, 4.0]


def test_a_model_that_fails_again_soon_is_left_alone_for_longer(clock):
    one = opened(clock)
    clock.now += 2.0
    one.begin_probe()
    one.probed(Call.GOOD)
    clock.now += 59.0
    fail(one)

    assert one.pause_left == 4.0


def test_a_model_that_was_well_for_long_starts_anew(clock):
    one = opened(clock)
    clock.now += 2.0
    one.begin_probe()
    one.probed(Call.GOOD)
    clock.now += 60.0
    fail(one)

    assert one.pause_left == 2.0


@pytest.mark.parametrize(("wish", "pause"), [(0.0, 2.0), (30.0, 32.0), (300.0, 302.0), (1e9, 3602.0)])
def test_a_model_that_names_a_time_is_left_alone_until_then(clock, wish, pause):
    one = breaker(clock)

    assert one.record(Call.FAILED, retry_after=wish)
    assert one.pause_left == pause


def test_a_wish_makes_no_pause_longer(clock):
    one = breaker(clock)
    one.record(Call.FAILED, retry_after=5.0)
    for _ in range(5):
        clock.now += one.pause_left
        one.begin_probe()
        one.probed(Call.FAILED, retry_after=5.0)

    assert one.pause_left == 7.0


def test_calls_that_began_before_it_opened_do_not_open_it_again(clock):
    one = breaker(clock)
    before = one.openings
    fail(one)
    clock.now += 2.0
    one.begin_probe()
    one.probed(Call.GOOD)

    assert not any(one.record(Call.FAILED, retry_after=9.0, epoch=before) for _ in range(10))
    assert one.state is State.CLOSED
    assert [one.record(Call.FAILED, epoch=one.openings) for _ in range(4)] == [False, False, False, True]


@given(st.floats(0, 1, exclude_max=True))
def test_pauses_differ_between_replicas(chance):
    assert opened(Clock(), chance=chance).pause_left == pytest.approx(1.0 + chance)


class Life(RuleBasedStateMachine):
    """Against a record of everything that ever happened, judged from scratch each time."""

    @initialize(slow_rate=st.sampled_from([None, 0.25, 1.0]), chance=st.floats(0, 1, exclude_max=True))
    def begin(self, slow_rate, chance):
        self.clock = Clock()
        self.rules = BreakerRules(
            failure_rate=0.5,
            slow_rate=slow_rate,
            window=10.0,
            min_calls=3,
            first_pause=1.0,
            longest_pause=8.0,
        )
        self.breaker = Breaker(self.rules, clock=self.clock, chance=lambda: chance)
        self.history = []
        self.open = self.probing = False
        self.openings = 0

    @rule(call=st.sampled_from(Call), wish=st.none() | st.floats(0, 100))
    def a_call_ends(self, call, wish):
        if call is not Call.FAILED:
            wish = None
        opens = False
        if not self.open and call is not Call.VOID:
            self.history.append((self.clock.now, call))
            opens = wish is not None or self.too_bad()
        assert self.breaker.record(call, wish) is opens
        if opens:
            self.open = True
            self.openings += 1

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @rule()
    def a_probe_is_due_or_not(self):
        due = self.breaker.state is State.HALF_OPEN and not self.probing
        assert self.breaker.begin_probe() is due
        self.probing = self.probing or due

    @precondition(lambda self: self.probing)
    @rule(call=st.sampled_from(Call))
    def the_probe_ends(self, call):
        self.probing = False
        self.breaker.probed(call)
        if call is Call.GOOD:
            self.open = False
            self.history = []
        else:
            assert self.breaker.state is State.OPEN

    @invariant()
    def it_is_closed_unless_it_was_opened(self):
        if hasattr(self, "breaker"):
            assert (self.breaker.state is State.CLOSED) is not self.open
            assert self.breaker.openings == self.openings

    @invariant()
    def pauses_are_bounded(self):
        if hasattr(self, "breaker"):
            assert 0.0 <= self.breaker.pause_left < 102.0
            assert (self.breaker.pause_left > 0.0) is (self.breaker.state is State.OPEN)

    def too_bad(self):
        calls = [call for at, call in self.history if at >= self.clock.now - self.rules.window]
        failed = calls.count(Call.FAILED) >= 0.5 * len(calls)
        slow = self.rules.slow_rate is not None and calls.count(Call.SLOW) >= self.rules.slow_rate * len(
            calls
        )
        return len(calls) >= 3 and (failed or slow)


TestLife = Life.TestCase

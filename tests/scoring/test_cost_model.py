"""What the cost model learns from calls, with a clock of its own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.cost_model import Cost, CostModel, Shape, estimated_tokens


class Machine:
    """Calls of a known cost, and a model that sees them."""

    def __init__(self, fixed=0.0005, per_token=0.0001, noise=0.05, seed=1) -> None:
        self.now = 0.0
        self.model = CostModel(lambda: self.now)
        self.fixed, self.per_token, self.noise = fixed, per_token, noise
        self._chance = random.Random(seed)

    def seconds(self, tokens: int) -> float:
        return self.fixed + self.per_token * tokens

    def call(self, tokens: int | None = None, *, slow: float = 0.0, factor: float = 5.0) -> float:
        """Make a call; a share of `slow` takes `factor` times its usual time."""
        tokens = tokens or self._chance.randint(20, 256)
        seconds = self.seconds(tokens) * self._chance.gauss(1, self.noise)
        if self._chance.random() < slow:
            seconds *= factor
        self.model.observe(Shape(1, tokens), seconds)
        self.now += 0.01
        return seconds


def test_before_the_first_call_nothing_costs_anything():
    """So that it is tried."""
    assert CostModel(lambda: 0.0).cost(Shape(1, 100)) == Cost(0.0, 0.0, 0.0)


def test_the_fixed_cost_and_the_cost_of_a_token_are_told_apart():
    machine = Machine(fixed=0.004)
    for _ in range(300):
        machine.call()
    assert machine.model.line.fixed == pytest.approx(0.004, rel=0.15)
    assert machine.model.line.per_token == pytest.approx(0.0001, rel=0.1)


def test_a_size_that_was_never_seen_is_predicted_from_the_others():
    machine = Machine()
    for tokens in (16, 64, 128) * 5:
        machine.call(tokens)
    assert machine.model.cost(Shape(1, 512)).p50 == pytest.approx(machine.seconds(512), rel=0.15)


def test_after_a_hundred_calls_nine_predictions_of_ten_are_off_by_less_than_a_quarter():
    machine = Machine(noise=0.1)
    for _ in range(100):
        machine.call()
    errors = []
    for _ in range(100):
        predicted = machine.model.cost(Shape(1, 100)).p50
        errors.append(abs(predicted / machine.call(100) - 1))
    assert sorted(errors)[89] <= 0.25


def test_one_slow_call_in_seven_does_not_move_what_calls_usually_take():
    machine = Machine()
    for _ in range(400):
        machine.call(slow=1 / 7)
    cost = machine.model.cost(Shape(1, 128))
    assert cost.p50 == pytest.approx(machine.seconds(128), rel=0.1)
    assert cost.p90 > 1.5 * cost.p50


def test_many_calls_in_a_row_take_their_mean():
    machine = Machine()
    for _ in range(400):
        machine.call(100, slow=1 / 4)
    predicted = 100 * machine.model.cost(Shape(1, 100)).mean
    assert predicted == pytest.approx(sum(machine.call(100, slow=1 / 4) for _ in range(100)), rel=0.25)


def test_a_single_call_that_was_suspended_does_not_spoil_the_mean():
    machine = Machine()
    for _ in range(100):
        machine.call(100)
    machine.model.observe(Shape(1, 100), 60.0)
    for _ in range(20):
        machine.call(100)
    assert machine.model.cost(Shape(1, 100)).mean == pytest.approx(machine.seconds(100), rel=0.2)


def test_a_machine_that_becomes_slower_is_known_to_be_after_some_calls():
    machine = Machine()
    for _ in range(400):
        machine.call()
    machine.fixed, machine.per_token = 3 * machine.fixed, 3 * machine.per_token
    for _ in range(100):
        machine.call()
    assert machine.model.cost(Shape(1, 128)).p50 == pytest.approx(machine.seconds(128), rel=0.15)


def test_a_quiet_time_makes_old_calls_count_less():
    machine = Machine()
    for _ in range(400):
        machine.call()
    machine.now += 300
    machine.fixed, machine.per_token = 2 * machine.fixed, 2 * machine.per_token
    for _ in range(20):
        machine.call(100)
    assert machine.model.cost(Shape(1, 100)).p50 == pytest.approx(machine.seconds(100), rel=0.15)


def test_batches_of_different_counts_have_their_own_costs():
    machine = Machine()
    for _ in range(200):
        machine.call(100)
        machine.model.observe(Shape(4, 100), 2 * machine.seconds(100))
    one, four = (machine.model.cost(Shape(texts, 100)).p50 for texts in (1, 4))
    assert four == pytest.approx(2 * one, rel=0.1)


@given(
    st.lists(st.tuples(st.integers(0, 100_000), st.floats(0, 1e6)), max_size=80),
    st.integers(0, 1_000_000),
    st.integers(1, 64),
)
def test_whatever_was_seen_a_prediction_is_a_time(calls, tokens, texts):
    now = 0.0
    model = CostModel(lambda: now)
    for size, seconds in calls:
        now += 0.1
        model.observe(Shape(texts, size), seconds)
    cost = model.cost(Shape(texts, tokens))
    assert 0 <= cost.p50 <= cost.p90 < float("inf")
    assert 0 <= cost.mean < float("inf")


@pytest.mark.parametrize(
    ("text", "limit", "tokens"), [("", 10, 2), ("word " * 1000, 64, 64), ("中" * 30, 64, 22)]
)
def test_tokens_are_estimated_from_bytes_and_bounded(text, limit, tokens):
    assert estimated_tokens(text, limit) == tokens


def test_text_that_is_no_unicode_is_estimated_too():
    assert estimated_tokens("\ud800" * 10, 64) > 0

"""One source's findings: when they begin anew, what is left of the chance of error, and what is kept."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.witness import LIMIT, SEASON, WEEK, Witness


def witness(count, *, value=0.1):
    one = Witness(0.0)
    for number in range(count):
        one.add(value, number)
    return one


def test_all_beginnings_together_are_wrong_as_seldom_as_promised():
    one, parts = Witness(0.0), []
    for _ in range(1000):
        parts.append(one._part(0.05))
        one = one.next(0.0)

    assert parts == sorted(parts, reverse=True)
    assert 0.0499 < sum(parts) < 0.05


@pytest.mark.parametrize(
    ("count", "repeated", "now", "over"),
    [
        (LIMIT, 0, 0.0, True),
        (LIMIT - 1, 0, 0.0, False),
        (1, 0, SEASON, True),
        (1, 0, SEASON - 1, False),
        (4, 4, WEEK, True),
        (4, 3, WEEK, False),
        (4, 4, WEEK - 1, False),
        (0, 0, WEEK, False),
    ],
)
def test_it_is_over_when_it_is_full_or_old_or_repeats_itself(count, repeated, now, over):
    one = witness(count)
    for number in range(repeated):
        assert one.repeats(number)

    assert one.over(now) is over


@pytest.mark.parametrize(
    ("value", "below", "above"), [(-0.4, True, False), (0.0, False, False), (0.4, False, True)]
)
def test_it_is_sure_or_it_is_not(value, below, above):
    one = witness(60, value=value)

    assert one.below(0.0, 0.05) is below
    assert one.above(0.0, 0.05) is above
    assert not one.below(0.0, 1e-30)


def test_bounds_are_kept_until_the_next_value():
    one = witness(20)
    told = one.estimate(0.05)

    assert one.estimate(0.05) is told
    assert one.estimate(0.01).low < told.low
    one.add(0.1, 20)
    assert one.estimate(0.05).count == one.count == 21


@given(st.sets(st.integers(0, 2**53 - 1), max_size=40))
def test_what_is_kept_is_all_that_there_was(numbers):
    one = Witness(3.0, 2)
    for number in numbers:
        one.add(-0.25, number)

    other = Witness.from_state(orjson.loads(orjson.dumps(one.to_state())))

    assert other.estimate(0.05) == one.estimate(0.05)
    assert all(other.repeats(number) for number in numbers)
    assert not other.repeats(2**53)
    assert other.next(4.0)._part(1) == one.next(4.0)._part(1)


def test_thousands_of_queries_are_a_short_text():
    """They are written every half a minute."""
    assert len(orjson.dumps(witness(LIMIT).to_state())) < 12 * LIMIT


@pytest.mark.parametrize("counted", [[1, 2], "not base64", "AAAA", "\u00e9", None])
def test_junk_is_no_witness(counted):
    with pytest.raises(ValueError):
        Witness.from_state(witness(2).to_state() | {"counted": counted})

"""How many texts go into one call, as memory runs out and comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.batch_size import BatchSize


def calls_until_growth(size: BatchSize) -> int:
    """Count the calls that must go well before there are more texts in one."""
    before, calls = size.now, 0
    while size.now == before:
        size.went_well(before)
        calls += 1
    return calls


def test_it_begins_with_the_most():
    assert BatchSize(32).now == 32


def test_what_did_not_fit_is_halved_down_to_one():
    size = BatchSize(32)
    seen = []
    for _ in range(7):
        size.shrink(size.now)
        seen.append(size.now)
    assert seen == [16, 8, 4, 2, 1, 1, 1]


def test_a_smaller_call_that_did_not_fit_counts_for_what_it_was():
    size = BatchSize(32)
    size.shrink(20)
    assert size.now == 10


def test_it_grows_again_more_and_more_slowly():
    size = BatchSize(32)
    patience = []
    for _ in range(4):
        size.shrink(32)
        patience.append(calls_until_growth(size))
    assert patience == [64, 128, 256, 512]


def test_it_never_exceeds_the_most():
    size = BatchSize(20)
    size.shrink(20)
    size.shrink(10)
    for _ in range(10_000):
        size.went_well(size.now)
    assert size.now == 20


def test_a_call_of_fewer_texts_than_allowed_proves_nothing():
    size = BatchSize(32)
    size.shrink(32)
    for _ in range(1000):
        size.went_well(15)
    assert size.now == 16


@given(st.integers(1, 64), st.lists(st.tuples(st.booleans(), st.integers(1, 64)), max_size=300))
def test_it_stays_between_one_and_the_most(most, calls):
    size = BatchSize(most)
    for fits, texts in calls:
        if fits:
            size.went_well(min(texts, size.now))
        else:
            size.shrink(min(texts, size.now))
        assert 1 <= size.now <= most

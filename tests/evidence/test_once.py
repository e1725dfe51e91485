"""A key counts once within some time, as far as is remembered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.once import Once


def test_a_key_counts_again_when_its_time_is_over():
    once = Once(10, 100)

    assert [once.counts(1, now) for now in (0, 5, 9.9, 10, 15, 20)] == [True, False, False, True, False, True]


def test_keys_are_independent():
    once = Once(10, 100)

    assert once.counts(1, 0)
    assert once.counts(2, 0)


def test_the_key_that_counted_longest_ago_makes_room():
    once = Once(10, 2)
    for key, now in ((1, 0), (2, 1), (1, 10), (3, 11)):
        assert once.counts(key, now)

    assert not once.counts(1, 12)
    assert not once.counts(3, 12)
    assert once.counts(2, 10.5)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 3)), max_size=60))
def test_a_key_never_counts_twice_within_its_time(steps):
    once, now, last = Once(10, 100), 0.0, {}
    for key, wait in steps:
        now += wait
        if once.counts(key, now):
            assert now - last.get(key, -10) >= 10
            last[key] = now

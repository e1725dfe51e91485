"""Queries as numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.query_number import Shares, query_number

SHARES = Shares(b"")


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_share_is_part_of_every_larger_one(query, one, other):
    number = query_number(query)

    assert 0 <= number < 2**53
    assert not SHARES.hold(number, 0)
    assert SHARES.hold(number, 1)
    assert SHARES.hold(number, max(one, other)) or not SHARES.hold(number, min(one, other))


def test_a_share_is_as_large_as_it_should_be():
    assert 250 < sum(SHARES.hold(query_number(f"query {n}"), 0.3) for n in range(1000)) < 350


def test_only_who_has_the_secret_knows_the_share():
    """Else queries could be chosen about which a stronger model is asked every time."""
    numbers = [query_number(f"query {n}") for n in range(1000)]

    ours, same, others = (
        {number for number in numbers if Shares(secret).hold(number, 0.3)}
        for secret in (b"ours", b"ours", b"a longer one than a hash takes as its key" * 3)
    )

    assert ours == same
    assert 50 < len(ours & others) < 150
    assert 50 < sum(number < 0.3 * 2**53 for number in ours) < 150


def test_numbers_are_the_same_in_every_process():
    assert query_number("which one") == query_number(" which\tone ") == 7128416696982362


def test_lone_surrogates_have_one_too():
    assert query_number("\ud800") >= 0

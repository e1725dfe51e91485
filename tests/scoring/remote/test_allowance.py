from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.remote.allowance import FIRST, Allowance


def spent(share: float, calls: int) -> int:
    allowance = Allowance(share)
    for _ in range(calls):
        allowance.earn()
        allowance.spend()
    return allowance.spent


@given(st.sampled_from((0.01, 0.05, 0.1, 0.5)), st.integers(0, 3000))
def test_no_more_than_the_share_is_asked_twice_if_everything_fails(share, calls):
    assert spent(share, calls) <= FIRST + share * calls


def test_all_of_the_share_may_be_used():
    assert spent(0.1, 1000) == pytest.approx(FIRST + 100, abs=1)


def test_a_share_of_nothing_is_nothing():
    assert spent(0.0, 1000) == 0


def test_the_first_calls_may_be_repeated():
    assert Allowance(0.1).spend()


def test_what_was_saved_in_good_times_is_bounded():
    allowance = Allowance(0.1)
    for _ in range(10_000):
        allowance.earn()

    assert sum(allowance.spend() for _ in range(100)) == 10

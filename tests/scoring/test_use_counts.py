"""Counts of uses: never too low until they age, and fair to what is wanted often."""

from __future__ import annotations

import hashlib
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.use_counts import UseCounts


def digest(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8)).digest()


@given(st.lists(st.integers(0, 20), max_size=200))
def test_few_documents_are_counted_exactly(uses):
    counts = UseCounts(1000)
    for number in uses:
        counts.add(digest(number))
    assert {number: counts.of(digest(number)) for number in range(21)} == {
        number: Counter(uses)[number] for number in range(21)
    }


def test_as_many_as_were_expected_are_hardly_confused():
    counts = UseCounts(10_000)
    for number in range(10_000):
        counts.add(digest(number))
    wrong = sum(counts.of(digest(number)) != 1 for number in range(10_000))
    wrong += sum(counts.of(digest(number)) != 0 for number in range(10_000, 20_000))
    assert wrong < 1000


def test_a_count_ends_somewhere():
    counts = UseCounts(1000)
    for _ in range(1000):
        counts.add(digest(1))
    assert counts.of(digest(1)) == 255


def test_old_uses_count_less_and_less():
    counts = UseCounts(1)
    for _ in range(100):
        counts.add(digest(0))
    before = counts.of(digest(0))
    for number in range(20_000):
        counts.add(digest(number % 50 + 1))
    assert counts.of(digest(0)) < before / 8

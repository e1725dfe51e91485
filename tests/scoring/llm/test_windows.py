"""Windows over a list: all of it is covered, from the back to the front, each overlapping the last."""

from __future__ import annotations

import doctest
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.llm import windows as module
from proxy.scoring.llm.windows import windows

SHAPES = st.tuples(st.integers(1, 300), st.integers(2, 40)).flatmap(
    lambda shape: st.tuples(st.just(shape[0]), st.just(shape[1]), st.integers(1, shape[1] - 1))
)


def test_the_examples_hold():
    assert doctest.testmod(module).failed == 0


@given(SHAPES)
def test_windows_cover_the_list_from_the_back_to_the_front(shape):
    count, size, stride = shape
    found = windows(count, size, stride)

    assert found[0].end == count
    assert found[-1].start == 0
    assert all(0 < window.end - window.start <= size for window in found)
    for before, after in pairwise(found):
        assert after.start < before.start < after.end == before.end - stride


@given(SHAPES)
def test_the_best_text_gets_from_the_last_place_to_the_first(shape):
    count, size, stride = shape
    order = list(range(count))
    for start, end in windows(count, size, stride):
        order[start:end] = sorted(order[start:end], reverse=True)

    assert order[0] == count - 1


@given(SHAPES)
def test_with_half_overlapping_windows_the_best_half_window_is_right(shape):
    count, size, _ = shape
    stride = max(1, size // 2)
    order = list(range(count))
    for start, end in windows(count, size, stride):
        order[start:end] = sorted(order[start:end], reverse=True)

    best = min(count, size - stride)
    assert order[:best] == list(range(count))[::-1][:best]

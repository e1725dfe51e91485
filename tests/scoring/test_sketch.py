"""Sketches of near vectors are alike, as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from proxy.scoring.sketch import WORDS, most_differing, sketch, unit


def differing(one, other) -> int:
    return int(np.bitwise_count(sketch(one) ^ sketch(other)).sum())


def at(cosine: float, direction, random):
    """Return a unit vector with that cosine to another, in a random direction off it."""
    off = random.standard_normal(len(direction))
    off -= (off @ direction) * direction
    return unit(cosine * direction + math.sqrt(1 - cosine**2) * off / np.linalg.norm(off))


@given(arrays(np.float32, st.integers(1, 50), elements=st.floats(width=32, allow_nan=False)))
def test_a_direction_has_length_one_and_nothing_else_is_one(vector):
    direction = unit(vector)
    if direction is None:
        assert not vector.any() or not np.isfinite(vector).all()
    else:
        assert direction.dtype == np.float32
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-6)
        assert unit(vector * np.float32(0.5)) is None or np.allclose(
            unit(vector * np.float32(0.5)), direction
        )


@pytest.mark.parametrize(
    "vector", [[], [0, 0], [math.nan, 1], [math.inf, 1], [math.inf, -math.inf], [[1, 0], [0, 1]]]
)
def test_what_has_no_direction_has_no_unit_vector(vector):
    assert unit(np.array(vector, np.float32)) is None


@pytest.mark.parametrize("length", [1e-40, 1e-30, 1.0, 1e30])
def test_the_length_of_a_vector_does_not_matter(length):
    vector = np.array([3, 4, 0], np.float32)
    np.testing.assert_allclose(unit(vector * np.float32(length)), [0.6, 0.8, 0], atol=1e-5)


def test_a_length_beyond_all_numbers_is_none():
    assert unit(np.array([1e200, 1])) is None


def test_a_sketch_is_the_same_at_any_time():
    direction = unit(np.arange(1, 385, dtype=np.float32))
    assert sketch(direction).shape == (WORDS,)
    np.testing.assert_array_equal(sketch(direction), sketch(direction.copy()))


def test_opposite_vectors_differ_in_every_bit():
    direction = unit(np.arange(1, 385, dtype=np.float32))
    assert differing(direction, -direction) == 256


@pytest.mark.parametrize("cosine", [0.0, 0.5, 0.8, 0.95, 0.99])
def test_bits_differ_as_often_as_the_angle_says(cosine):
    random = np.random.default_rng(0)
    found = []
    for _ in range(300):
        one = unit(random.standard_normal(384))
        found.append(differing(one, at(cosine, one, random)))
    assert np.mean(found) == pytest.approx(256 * math.acos(cosine) / math.pi, abs=2)
    assert max(found) <= most_differing(cosine)


def test_the_nearer_the_fewer_bits_may_differ():
    most = [most_differing(cosine) for cosine in np.linspace(-1, 1, 50)]
    assert most == sorted(most, reverse=True)
    assert most[0] == 256
    assert most[-1] < 20


def test_a_cosine_beyond_one_is_none_and_does_no_harm():
    assert most_differing(2.0) == 0


def test_one_near_vector_in_a_million_is_missed():
    """The tail, summed in another way: by the regularised incomplete beta function."""
    special = pytest.importorskip("scipy.special")
    chance = math.acos(0.95 - 1e-3) / math.pi
    most = most_differing(0.95)
    assert special.bdtrc(most, 256, chance) <= 1e-6 < special.bdtrc(most - 1, 256, chance)

"""Near vectors are found whatever was added and removed before, and however many are near."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.near_index import NearIndex
from proxy.scoring.sketch import unit

DIMS = 24


def directions(count: int, seed: int = 0, dims: int = DIMS):
    vectors = np.random.default_rng(seed).standard_normal((count, dims))
    return [unit(vector) for vector in vectors]


def beside(direction, seed: int = 0, by: float = 0.2):
    return unit(direction + by * directions(1, seed, len(direction))[0])


def filled(vectors) -> NearIndex:
    index = NearIndex(len(vectors[0]))
    for place, vector in enumerate(vectors):
        index.add(str(place), vector, 1.0)
    return index


def queries(found) -> list[str]:
    return [entry.query for entry, _ in found]


@given(st.integers(1, 200), st.floats(-1, 1), st.integers(0, 9))
def test_it_finds_what_comparing_all_finds(count, threshold, seed):
    """Also beyond the number up to which all are compared: a miss in a million is none in these."""
    vectors = directions(count, seed)
    asked = beside(vectors[0], seed + 100)
    cosines = np.array([vector.astype(np.float16).astype(np.float32) @ asked for vector in vectors])
    found = list(filled(vectors).near(asked, threshold))
    # Float sums in another order may fall to the other side of the threshold.
    surely = {str(place) for place in np.flatnonzero(cosines > threshold + 1e-5)}
    perhaps = {str(place) for place in np.flatnonzero(cosines > threshold - 1e-5)}
    assert surely <= set(queries(found)) <= perhaps
    assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)
    assert all(abs(cosine - cosines[int(entry.query)]) < 1e-5 for entry, cosine in found)


def test_of_thousands_the_nearest_is_found():
    vectors = directions(5000, dims=384)
    index = filled(vectors)
    found = [queries(index.near(beside(vectors[place], place), 0.95))[0] for place in range(0, 5000, 25)]
    assert found == [str(place) for place in range(0, 5000, 25)]


def test_where_all_are_alike_some_of_the_nearest_are_found():
    """Here the number of comparisons is bounded, so the very nearest may be missed, but by little."""
    (centre,) = directions(1, dims=384)
    vectors = [beside(centre, seed, by=0.15) for seed in range(3000)]
    asked = beside(centre, 5000, by=0.15)
    found = list(filled(vectors).near(asked, 0.95))
    assert 600 < len(found) < 700
    best = max(float(vector @ asked) for vector in vectors)
    assert best - found[0][1] < 0.01


def test_equal_vectors_beyond_the_bound_do_no_harm():
    index = filled([directions(1, dims=384)[0]] * 2000)
    assert len(list(index.near(directions(1, dims=384)[0], 0.95))) < 700


def test_a_vector_is_near_to_itself_in_spite_of_rounding():
    (vector,) = directions(1)
    ((_, cosine),) = filled([vector]).near(vector, 0.999)
    assert 0.999 < cosine <= 1


def test_an_opposite_vector_is_not_near():
    vectors = directions(100)
    assert "5" not in queries(filled(vectors).near(-vectors[5], 0.0))


def test_an_empty_index_finds_nothing():
    assert not list(NearIndex(DIMS).near(directions(1)[0], -1.0))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=300))
def test_what_is_removed_is_gone_and_the_rest_is_found(steps):
    vectors = directions(100)
    index = NearIndex(DIMS)
    entries = {}
    for add, place in steps:
        if add and place not in entries:
            entries[place] = index.add(str(place), vectors[place], 1.0)
        elif not add and place in entries:
            index.remove(entries.pop(place))
    assert len(index) == len(entries)
    for place, vector in enumerate(vectors):
        assert (str(place) in queries(index.near(vector, 0.99))) == (place in entries)


def test_the_room_for_sketches_follows_the_number_of_entries():
    index = NearIndex(DIMS)
    least = index.nbytes
    entries = [index.add(str(place), vector, 1.0) for place, vector in enumerate(directions(1000))]
    assert 32 * 1000 <= index.nbytes <= 2 * 32 * 1024
    for entry in entries[5:]:
        index.remove(entry)
    assert index.nbytes <= 4 * least
    assert queries(index.near(directions(1000)[2], 0.99)) == ["2"]


def test_long_vectors_are_compared_in_smaller_numbers():
    (centre,) = directions(1, dims=8192)
    index = filled([centre] * 100)
    assert len(list(index.near(centre, 0.9))) == 32

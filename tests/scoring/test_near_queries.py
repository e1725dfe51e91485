"""Queries near a vector, of one's own scope alone, as long as they live, and as many as there is room for."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.scoring.near_queries import NearQueries
from proxy.scoring.sketch import sketch, unit

HERE, THERE = b"h" * 16, b"t" * 16
NORTH, EAST, NORTH_EAST = (np.array(one, np.float32) for one in ([1, 0], [0, 1], [1, 1]))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def words(found) -> list[str]:
    return [near.query for near in found]


def test_near_queries_come_best_first():
    queries = NearQueries()
    assert queries.add(HERE, NORTH, "north")
    assert queries.add(HERE, EAST, "east")
    assert queries.add(HERE, 5 * NORTH_EAST, "north-east")
    found = queries.nearest(HERE, 3 * NORTH, 0.5)
    assert words(found) == ["north", "north-east"]
    assert [near.similarity for near in found] == pytest.approx([1, 0.7071], abs=1e-3)
    assert words(queries.nearest(HERE, NORTH, 0.5, k=1)) == ["north"]
    assert words(queries.nearest(HERE, NORTH, 0.99)) == ["north"]


def test_a_threshold_above_one_is_never_met():
    queries = NearQueries()
    queries.add(HERE, NORTH, "north")
    assert queries.nearest(HERE, NORTH, 1.01) == []


def test_an_entry_is_only_met_in_its_own_scope():
    queries = NearQueries()
    queries.add(HERE, NORTH, "here")
    assert queries.nearest(THERE, NORTH, -1.0) == []
    queries.add(THERE, NORTH, "there")
    assert words(queries.nearest(THERE, NORTH, -1.0)) == ["there"]


def test_vectors_of_other_lengths_never_meet():
    queries = NearQueries()
    queries.add(HERE, NORTH, "short")
    queries.add(HERE, np.ones(3, np.float32), "long")
    assert words(queries.nearest(HERE, NORTH, -1.0)) == ["short"]
    assert words(queries.nearest(HERE, np.ones(3, np.float32), -1.0)) == ["long"]
    assert queries.nearest(HERE, np.ones(4, np.float32), -1.0) == []


def test_an_equal_query_is_replaced_even_by_a_vector_of_another_length():
    queries = NearQueries()
    queries.add(HERE, NORTH, "which way?")
    queries.add(HERE, EAST, "which way?")
    assert queries.nearest(HERE, NORTH, 0.5) == []
    queries.add(HERE, np.ones(3, np.float32), "which way?")
    assert queries.nearest(HERE, EAST, -1.0) == []
    assert queries.figures()["entries"] == 1
    assert queries.figures()["evictions"] == 0


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(2, np.float32),
        np.array([np.nan, 1], np.float32),
        np.array([np.inf, 1], np.float32),
        np.ones((1, 2), np.float32),
        np.empty(0, np.float32),
    ],
)
def test_a_vector_without_a_direction_is_refused_and_near_to_none(vector):
    queries = NearQueries()
    queries.add(HERE, NORTH, "north")
    assert not queries.add(HERE, vector, "nowhere")
    assert queries.nearest(HERE, vector, -1.0) == []
    assert len(queries) == 1


@pytest.mark.parametrize("query", ["?" * 4097, "\ud83d"])
def test_a_page_or_half_a_character_is_no_query(query):
    assert not NearQueries().add(HERE, NORTH, query)


def test_a_vector_of_more_dimensions_than_any_models_is_refused():
    assert not NearQueries().add(HERE, np.ones(8193, np.float32), "wide")


def test_a_query_expires(clock):
    queries = NearQueries(ttl=60, clock=clock)
    queries.add(HERE, NORTH, "north")
    clock.now += 59
    assert words(queries.nearest(HERE, NORTH, 0.9)) == ["north"]
    clock.now += 1
    assert queries.nearest(HERE, NORTH, 0.9) == []


def test_expired_queries_do_not_crowd_out_those_that_live(clock):
    queries = NearQueries(ttl=60, clock=clock)
    for number in range(10):
        queries.add(HERE, NORTH, f"old {number}")
    clock.now += 30
    queries.add(HERE, NORTH_EAST, "new")
    clock.now += 30
    assert words(queries.nearest(HERE, NORTH, 0.5, k=1)) == ["new"]


def test_a_query_that_is_told_late_lives_shorter(clock):
    queries = NearQueries(ttl=60, clock=clock)
    assert queries.add(HERE, NORTH, "told", age=50)
    assert not queries.add(HERE, EAST, "told too late", age=60)
    clock.now += 10
    assert queries.nearest(HERE, NORTH, 0.9) == []


def test_what_has_expired_makes_room_even_where_there_is_enough(clock):
    queries = NearQueries(ttl=60, clock=clock)
    for number in range(100):
        queries.add(HERE, NORTH, f"old {number}")
    clock.now += 60
    for number in range(100):
        queries.add(HERE, NORTH, f"new {number}")
    assert queries.figures()["entries"] == 100
    assert queries.figures()["evictions"] == 0


def test_what_was_used_longest_ago_makes_room_in_whatever_scope():
    queries = NearQueries(max_entries=3)
    queries.add(HERE, NORTH, "first")
    queries.add(THERE, NORTH, "second")
    queries.add(HERE, EAST, "third")
    queries.nearest(HERE, NORTH, 0.9)
    queries.add(HERE, NORTH_EAST, "fourth")
    assert queries.nearest(THERE, NORTH, -1.0) == []
    assert words(queries.nearest(HERE, NORTH, 0.9)) == ["first"]
    assert queries.figures()["evictions"] == 1


def test_clearing_forgets_everything():
    queries = NearQueries()
    queries.add(HERE, NORTH, "north")
    queries.clear()
    assert queries.nearest(HERE, NORTH, -1.0) == []
    assert queries.figures() == {"entries": 0, "bytes": 0, "evictions": 0}


@pytest.mark.parametrize(("count", "scopes", "dims"), [(2000, 1, 384), (1000, 1000, 64), (2000, 100, 32)])
def test_the_memory_is_what_it_says(count, scopes, dims):
    random = np.random.default_rng(0)
    vectors = [unit(vector) for vector in random.standard_normal((count, dims))]
    sketch(vectors[0])  # the planes are made once
    gc.collect()
    tracemalloc.start()
    try:
        queries = NearQueries(count)
        before, _ = tracemalloc.get_traced_memory()
        for number, vector in enumerate(vectors):
            queries.add((number % scopes).to_bytes(16), vector, f"question number {number}, of many")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert queries.figures()["bytes"] == pytest.approx(after - before, rel=0.15)


@given(st.integers(1, 300), st.integers(0, 9))
def test_the_memory_is_given_back(count, seed):
    random = np.random.default_rng(seed)
    queries = NearQueries(count)
    for number in range(count):
        scope = random.integers(0, 5, dtype=np.uint8).tobytes() * 16
        queries.add(scope, random.standard_normal(random.integers(1, 9)), str(number))
    assert queries.figures()["entries"] == count
    single = NearQueries(1)
    single.add(HERE, NORTH, "0")
    for number in range(count):  # each new one makes an old one go
        queries.add(HERE, NORTH, f"new {number}")
    while len(queries) > 1:
        queries._max_entries = len(queries) - 1
        queries._forget(next(iter(queries._kept)))
    assert list(queries._indexes) == [(HERE, 2)]
    assert queries.figures()["bytes"] < single.figures()["bytes"] + 4 * 32 * 8


VECTORS = [unit(vector) for vector in np.random.default_rng(7).standard_normal((12, 4))]


class Simple(RuleBasedStateMachine):
    """Against a list of entries that are all compared: the same answers, whatever happens in what order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.queries = NearQueries(max_entries=5, ttl=50, clock=self.clock)
        self.model: dict[tuple[bytes, str], tuple[int, float]] = {}  # vector and expiry; used last comes last

    def live(self) -> dict[tuple[bytes, str], tuple[int, float]]:
        return {key: value for key, value in self.model.items() if value[1] > self.clock.now}

    @rule(scope=st.sampled_from([HERE, THERE]), query=st.sampled_from("abcd"), vector=st.integers(0, 11))
    def add(self, scope, query, vector):
        assert self.queries.add(scope, VECTORS[vector], query)
        for key in [key for key in list(self.model)[:2] if key not in self.live()]:
            if next(iter(self.model)) == key:
                del self.model[key]
        if self.model.pop((scope, query), None) is None and len(self.model) == 5:
            del self.model[next(iter(self.model))]
        self.model[scope, query] = (vector, self.clock.now + 50)

    @rule(
        scope=st.sampled_from([HERE, THERE]),
        vector=st.integers(0, 11),
        threshold=st.sampled_from([-1.0, 0.0, 0.5, 0.9, 0.999]),
        k=st.integers(1, 5),
    )
    def look_up(self, scope, vector, threshold, k):
        found = self.queries.nearest(scope, VECTORS[vector], threshold, k)
        cosines = {
            key: float(VECTORS[kept] @ VECTORS[vector])
            for key, (kept, _) in self.live().items()
            if key[0] == scope and VECTORS[kept] @ VECTORS[vector] >= threshold
        }
        best = sorted(cosines.values(), reverse=True)[:k]
        assert [near.similarity for near in found] == pytest.approx(best, abs=2e-3)
        assert all(cosines[scope, near.query] == pytest.approx(near.similarity, abs=2e-3) for near in found)
        for near in reversed(found):
            self.model[scope, near.query] = self.model.pop((scope, near.query))

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule()
    def clear(self):
        self.queries.clear()
        self.model.clear()

    @invariant()
    def it_holds_what_it_should(self):
        assert list(self.queries._kept) == list(self.model)
        assert self.queries.figures()["entries"] == len(self.model) <= 5


TestAgainstSimple = Simple.TestCase

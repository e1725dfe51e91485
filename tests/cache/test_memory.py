"""The cache in memory: its bound, what goes first, what expires."""

from __future__ import annotations

import asyncio
import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache import packed
from proxy.cache.base import SHARED
from proxy.cache.memory import MemoryCache


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def query(name):
    return name.encode().ljust(SHARED, b".")


def entries(name, count=1):
    return {query(name) + bytes([n]) * 16: b"%04d" % n for n in range(count)}


def get(cache, keys):
    return asyncio.run(cache.get_many(list(keys)))


def test_what_ends_is_not_found_and_counts_as_expired(clock):
    cache = MemoryCache(2**20, clock=clock)
    cache.put_many(entries("short", 3), 10)
    cache.put_many(entries("long", 2), 100)
    clock.now += 9.9
    assert None not in get(cache, entries("short", 3))
    clock.now += 0.1

    assert get(cache, entries("short", 3)) == [None] * 3
    assert None not in get(cache, entries("long", 2))
    assert cache.figures()["expired"] == 3
    assert cache.figures()["entries"] == 2


def test_parts_of_a_query_end_each_at_their_time(clock):
    cache = MemoryCache(2**20, clock=clock)
    items = list(entries("query", 2).items())
    cache.put_many(dict(items[:1]), 10)
    cache.put_many(dict(items[1:]), 20)
    clock.now += 15

    assert get(cache, [items[0][0], items[1][0]]) == [None, items[1][1]]
    cache.put_many(entries("query", 3), 20)
    assert cache.figures()["expired"] == 1
    assert cache.figures()["entries"] == 3


def test_what_nobody_asks_for_goes_when_its_time_is_over(clock):
    cache = MemoryCache(2**20, clock=clock)
    for number in range(100):
        cache.put_many(entries(f"{number}", 2), 10)
    clock.now += 11
    for number in range(60):
        get(cache, entries(f"unknown {number}"))

    assert cache.figures()["entries"] == 0
    assert cache.figures()["bytes"] == 0
    assert cache.figures()["expired"] == 200


def test_what_was_used_longest_ago_makes_room():
    cache = MemoryCache(40_000)
    for number in range(60):
        cache.put_many(entries(f"query {number}", 10), 60)
        assert None not in get(cache, entries("query 0", 10))
    kept = [number for number in range(60) if None not in get(cache, entries(f"query {number}", 10))]

    assert kept == [0, *range(60 - len(kept) + 1, 60)]
    assert cache.figures()["entries"] == 10 * len(kept)
    assert cache.figures()["evictions"] == 10 * (60 - len(kept))


def test_what_can_not_be_held_at_all_is_not_kept():
    cache = MemoryCache(2000)
    cache.put_many(entries("query", 200), 60)
    cache.put_many({query("large"): bytes(packed.MAX_RUN + 1)}, 60)

    assert cache.figures()["bytes"] == 0
    assert cache.figures()["evictions"] == 200


def test_a_query_keeps_the_last_of_too_many_documents():
    cache = MemoryCache(2**20)
    items = {query("query") + n.to_bytes(16, "big"): b"once" for n in range(3000)}
    cache.put_many(items, 60)
    values = get(cache, items)
    first = values.index(b"once")

    assert values == [None] * first + [b"once"] * (3000 - first)
    assert cache.figures()["entries"] == 3000 - first > 1000
    assert cache.figures()["evictions"] == first


@pytest.mark.parametrize("together", [1, 7, 50])
def test_memory_stays_under_its_bound(together):
    """The bound is on what the process takes, not on what the values weigh."""
    bound = 2**20
    shared = [os.urandom(16) for _ in range(6000 // together + 1500)]
    rests = [os.urandom(16) for _ in range(together)]
    tracemalloc.start()
    try:
        cache = MemoryCache(bound)
        for one in shared:
            cache.put_many(dict.fromkeys((one + rest for rest in rests), b"four"), 60)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert cache.figures()["evictions"] > 0
    assert now < bound
    assert peak < 1.1 * bound
    assert cache.figures()["bytes"] <= bound


def test_a_score_takes_little_more_than_itself():
    cache = MemoryCache(2**24)
    for number in range(100):
        cache.put_many(entries(f"query {number}", 50), 60)

    assert cache.figures()["bytes"] / cache.figures()["entries"] < 36


keys = st.sampled_from([query(name) + rest for name in "ab" for rest in (b"", b"1", b"2", b"33", b"44")])
steps = st.one_of(
    st.tuples(st.just("put"), st.dictionaries(keys, st.binary(max_size=20)), st.integers(1, 20)),
    st.tuples(st.just("wait"), st.integers(1, 10)),
    st.tuples(st.just("clear")),
)


@given(st.lists(steps, max_size=30))
def test_it_agrees_with_a_dictionary_that_looks_at_the_clock(happenings):
    clock = Clock()
    cache, model = MemoryCache(2**20, clock=clock), {}
    for kind, *details in happenings:
        if kind == "put":
            cache.put_many(details[0], details[1])
            model |= {key: (value, clock.now + details[1]) for key, value in details[0].items()}
        elif kind == "wait":
            clock.now += details[0]
        else:
            asyncio.run(cache.clear())
            model.clear()
        known = {key: value for key, (value, end) in model.items() if end > clock.now}
        assert get(cache, sorted(known)) == [known[key] for key in sorted(known)]
        assert [value for value in get(cache, set(model) - set(known)) if value is not None] == []

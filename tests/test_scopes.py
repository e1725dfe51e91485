"""Who shares scores with whom."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import Search, WireRequest
from proxy.policy import Rule
from proxy.policy_cache import CacheSettings, RuleCache, Semantic
from proxy.scopes import Scopes
from proxy.scoring.base import NOTHING, Reuse

SEMANTIC = RuleCache(semantic=Semantic())
SEARCH = Search(10, vector=[0.5, 1], space="dense", filter=b'{"a":1}')


def reuse(rule=SEMANTIC, *, store="s", secret=b"", target="/q", headers=(), search=SEARCH, **call):
    request = WireRequest("POST", target, CIMultiDictProxy(CIMultiDict(headers)), b"")
    call = SimpleNamespace(**{"database": "d", "collection": "c", **call})
    return Scopes(store, CacheSettings(), secret).reuse(rule, request, call, search)


def scope(*args, **options):
    return reuse(*args, **options).near.scope


@pytest.mark.parametrize(
    "other",
    [
        {"store": "other"},
        {"secret": b"secret"},
        {"target": "/q?api_key=mine"},
        {"headers": [("Authorization", "Bearer a")]},
        {"headers": [("api-key", "a")]},
        {"headers": [("X-Tenant-Id", "a")]},
        {"search": Search(10, vector=[0.5, 1], space="other")},
        {"database": "other"},
        {"collection": "other"},
    ],
)
def test_whoever_differs_has_a_scope_of_their_own(other):
    assert scope(**other) != scope()


@pytest.mark.parametrize(
    "same",
    [
        {"headers": [("user-agent", "x"), ("traceparent", "y")]},
        {"search": Search(3, vector=[1, 2], space="dense", filter=b"another")},
    ],
)
def test_what_does_not_tell_users_apart_is_left_out(same):
    assert scope(**same) == scope()


def test_credentials_are_told_apart_by_header_and_by_value():
    bearer = scope(headers=[("authorization", "a")])

    assert bearer == scope(headers=[("Authorization", "a")])
    assert len({bearer, scope(headers=[("cookie", "a")]), scope(headers=[("authorization", "b")])}) == 3
    assert scope(headers=[("cookie", "a"), ("cookie", "b")]) != scope(headers=[("cookie", "ab")])


def test_a_filter_sets_apart_where_the_policy_wants_it():
    narrow = RuleCache(semantic=Semantic(scope=("tenant", "credentials", "filter")))

    assert scope(narrow) != scope(narrow, search=Search(10, space="dense", filter=b"other"))


def test_a_public_corpus_is_shared_by_all_who_may_search_it():
    public = RuleCache(semantic=Semantic(scope=()))

    assert scope(public) == scope(public, headers=[("authorization", "a"), ("x-tenant-id", "b")])
    assert scope(public) != scope(public, collection="other")


def test_exact_scores_are_shared_unless_the_policy_keeps_them_apart():
    scoped = RuleCache(exact="scoped", semantic=Semantic(scope=("tenant", "credentials", "filter")))
    mine, yours = (reuse(scoped, headers=[("authorization", who)]) for who in ("me", "you"))
    filtered = reuse(
        scoped, headers=[("authorization", "me")], search=Search(10, space="dense", filter=b"other")
    )

    assert reuse().scope == b""
    assert mine.scope != yours.scope
    assert mine.scope == filtered.scope
    assert mine.near.scope != filtered.near.scope


def test_without_a_place_for_scores_nothing_is_used_again():
    request = WireRequest("POST", "/q", CIMultiDictProxy(CIMultiDict()), b"")
    scopes = Scopes("s", CacheSettings(memory_mb=0), b"")

    assert scopes.reuse(SEMANTIC, request, SimpleNamespace(database="", collection="c"), SEARCH) == NOTHING


@pytest.mark.parametrize("rule", [None, Rule(mode="off")])
def test_a_call_that_is_not_ranked_uses_nothing(rule):
    request = WireRequest("POST", "/q", CIMultiDictProxy(CIMultiDict()), b"")
    call = SimpleNamespace(database="", collection="c", searches=(SEARCH, SEARCH))

    assert Scopes("s", CacheSettings(), b"").of_call(rule, request, call) == [NOTHING, NOTHING]


@pytest.mark.parametrize(
    ("wish", "rule", "expected"),
    [
        ("off", SEMANTIC, Reuse(exact=False)),
        ("OFF ", SEMANTIC, Reuse(exact=False)),
        ("exact", SEMANTIC, Reuse()),
        ("semantic", RuleCache(), Reuse()),
        ("exact", RuleCache(exact="off"), Reuse(exact=False)),
        ("nonsense", RuleCache(), Reuse()),
    ],
)
def test_a_caller_can_have_less_reused_but_not_more(wish, rule, expected):
    assert reuse(rule, headers=[("x-midrank-cache", wish)]) == expected


def test_the_vector_is_taken_as_it_is():
    vector = reuse().near.vector

    assert vector.dtype == np.float32
    assert vector.tolist() == [0.5, 1]


@pytest.mark.parametrize(
    "junk", [None, [0.5, "x"], [0.5, [1]], [0.5, None], [10**400], [1e300], [[1, 2]], [1, {}]]
)
def test_what_is_no_vector_is_none(junk):
    assert reuse(search=Search(10, vector=junk)).near.vector is None


def test_header_bytes_that_are_no_text_are_digested_too():
    assert scope(headers=[("authorization", "\udcff")]) != scope()

"""The laws that every codec keeps, whatever the protocol: see docs/architecture.md."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Undecodable
from proxy.model import Candidate, Ranking
from tests.codecs.searches import chroma_exchanges, ok, page_of, qdrant_exchanges, windows
from tests.fakes.json_text import Number, read, write

if TYPE_CHECKING:
    from proxy.codecs.base import Call, Reply
    from tests.codecs.searches import Exchange

every_codec = pytest.mark.parametrize(
    "exchanges", [chroma_exchanges(), qdrant_exchanges()], ids=["chroma", "qdrant_http"]
)
JUNK = [
    *(None, True, False, "", "x", [], {}, [None], [[]], [[[]]], {"x": None}),
    *(
        Number("0"),
        Number("-1"),
        Number("7"),
        Number("0.5"),
        Number("-0.0"),
        Number("9" * 30),
        Number("1e30"),
    ),
]


# --- 1: invisible ----------------------------------------------------------------------------


@every_codec
@given(data=st.data())
def test_store_order_is_invisible(exchanges, data) -> None:
    """Widened, then cut back in the store's order: to the byte what the store would have sent unasked.

    No known store puts spaces between values; where one does, they may move along with their rows.
    """
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)
    chosen = data.draw(windows(call.searches))
    reply = call.decode_response(exchange.store.answer(call.encode_request(chosen)))
    pages = [
        Ranking(tuple(range(len(candidates)))[slice(None) if window is None else page_of(search)])
        for search, window, candidates in zip(call.searches, chosen, reply.candidates, strict=True)
    ]

    direct, cut_back = exchange.store.answer(exchange.request).body, reply.encode_response(pages).body
    assert read(direct) == read(cut_back)
    assert direct == cut_back or exchange.store.style.spaced


@every_codec
@given(data=st.data())
def test_nothing_chosen_is_nothing_changed(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)

    assert call.encode_request([None] * len(call.searches)).body is exchange.request.body
    unsupported = [None if search.supported else 50 for search in call.searches]
    assert call.encode_request(unsupported).body is exchange.request.body


# --- 2: selection ----------------------------------------------------------------------------


@every_codec
@given(data=st.data())
def test_an_answer_holds_the_chosen_rows_in_the_chosen_order(exchanges, data) -> None:
    """And each of them is, to the byte, the row that the store has for this app."""
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)
    reply = call.decode_response(
        exchange.store.answer(call.encode_request(data.draw(windows(call.searches))))
    )
    orders = [
        data.draw(sub_permutations(len(candidates)))[: search.limit]
        for search, candidates in zip(call.searches, reply.candidates, strict=True)
    ]
    encoded = reply.encode_response([Ranking(tuple(order)) for order in orders])

    again = exchange.codec.decode_request(exchange.request).decode_response(encoded)
    chosen = [
        [candidates[i] for i in order] for candidates, order in zip(reply.candidates, orders, strict=True)
    ]
    assert [[textless(one) for one in some] for some in chosen] == [
        [textless(one) for one in some] for some in again.candidates
    ]


@every_codec
@given(data=st.data())
def test_replaced_scores_stand_beside_their_rows_in_the_direction_of_the_store(exchanges, data) -> None:
    """Higher is better in a ranking and in Qdrant; a Chroma distance is lower for the better row."""
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)
    reply = call.decode_response(exchange.store.answer(exchange.request))
    orders = [data.draw(sub_permutations(len(candidates))) for candidates in reply.candidates]
    scores = [tuple(1.5 - index for index in order) for order in orders]
    encoded = reply.encode_response(
        [Ranking(tuple(order), own) for order, own in zip(orders, scores, strict=True)]
    )

    again = exchange.codec.decode_request(exchange.request).decode_response(encoded)
    direction = -1 if exchange.codec.system == "chroma" else 1
    for candidates, order, own, after in zip(reply.candidates, orders, scores, again.candidates, strict=True):
        assert [candidates[index].id for index in order] == [row.id for row in after]
        asked = candidates and candidates[0].score is not None
        assert [row.score for row in after] == [direction * one if asked else None for one in own]


# --- 3: only declared fields change ----------------------------------------------------------

DECLARED = {"n_results", "include", "limit", "top", "offset", "with_payload"}


@pytest.mark.parametrize(
    "exchanges",
    [chroma_exchanges(), qdrant_exchanges(), qdrant_exchanges(prefetch_overfetch=True)],
    ids=["chroma", "qdrant_http", "qdrant_http_prefetch"],
)
@given(data=st.data())
def test_only_declared_fields_of_a_request_change(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)
    chosen = data.draw(windows(call.searches))
    widened = call.encode_request(chosen)
    again = exchange.codec.decode_request(widened)

    assert undeclared(read(exchange.request.body)) == undeclared(read(widened.body))
    assert widened._replace(body=b"") == exchange.request._replace(body=b"")
    for before, window, after in zip(call.searches, chosen, again.searches, strict=True):
        assert (before.query, before.supported) == (after.query, after.supported)
        if window is not None:
            # Never fewer rows than the app asked for, all of them from the first one on.
            assert after.offset == 0
            assert after.limit >= max(window, page_of(before).stop)


# --- 4: damage, and 6: what was read can be written ------------------------------------------


@every_codec
@given(data=st.data())
def test_a_damaged_request_is_undecodable_or_still_works(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    body = write(data.draw(damaged(read(exchange.request.body))))
    try:
        call = exchange.codec.decode_request(exchange.request._replace(body=body))
    except Undecodable:
        return
    orjson.loads(call.encode_request([page_of(search).stop + 7 for search in call.searches]).body)


@every_codec
@given(data=st.data())
def test_a_damaged_answer_is_undecodable_or_still_works(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)
    answer = exchange.store.answer(call.encode_request(data.draw(windows(call.searches))))
    check_answer(call, write(data.draw(damaged(read(answer.body)))), data)


@every_codec
@given(data=st.data())
def test_broken_bytes_are_undecodable_or_still_work(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    with suppress(Undecodable):
        broken = exchange.codec.decode_request(
            exchange.request._replace(body=data.draw(broken_bytes(exchange.request.body)))
        )
        orjson.loads(broken.encode_request([page_of(search).stop + 7 for search in broken.searches]).body)
    call = exchange.codec.decode_request(exchange.request)
    answer = exchange.store.answer(call.encode_request(data.draw(windows(call.searches))))
    check_answer(call, data.draw(broken_bytes(answer.body)), data)


@every_codec
@given(data=st.data())
def test_any_bytes_at_all_are_undecodable_or_work(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    body = data.draw(st.binary(max_size=40))
    with suppress(Undecodable):
        exchange.codec.decode_request(exchange.request._replace(body=body))
    check_answer(exchange.codec.decode_request(exchange.request), body, data)


@every_codec
@given(data=st.data())
def test_a_refusal_is_read_without_an_error(exchanges, data) -> None:
    exchange: Exchange = data.draw(exchanges)
    call = exchange.codec.decode_request(exchange.request)
    refusal = data.draw(
        st.binary(max_size=20)
        | st.builds(
            write,
            st.dictionaries(st.sampled_from(["status", "message", "error"]), st.sampled_from(JUNK)),
        )
    )

    assert call.row_limit(ok(refusal)) is None


# --- 7: pages --------------------------------------------------------------------------------


@given(data=st.data(), size=st.integers(1, 4), window=st.integers(1, 14))
def test_the_pages_of_one_search_are_one_permutation_of_it(data, size, window) -> None:
    """Disjoint, and together the reranked window followed by the store's own rows."""
    exchange: Exchange = data.draw(qdrant_exchanges())
    asked = read(exchange.request.body)
    if "batch" in exchange.request.target:
        asked = {"searches": asked["searches"][:1]}
    first = asked["searches"][0] if "searches" in asked else asked

    def page(offset: int, limit: int, window: int | None) -> list[str]:
        first["offset"] = Number(offset)
        first["top" if "top" in first else "limit"] = Number(limit)
        request = exchange.request._replace(body=write(asked))
        call = exchange.codec.decode_request(request)
        (search,) = call.searches
        if window is None or offset >= window or not search.supported:
            return ids(call.decode_response(exchange.store.answer(request)))
        rows = max(window, offset + limit)
        reply = call.decode_response(exchange.store.answer(call.encode_request([rows])))
        order = by_digest(reply.candidates[0][:window])
        order += range(len(order), len(reply.candidates[0]))
        encoded = reply.encode_response([Ranking(tuple(order[page_of(search)]))])
        return ids(exchange.codec.decode_request(request).decode_response(encoded))

    everything = page(0, 12, None)
    pages = [page(offset, size, window) for offset in range(0, 13, size)]

    supported = exchange.codec.decode_request(exchange.request).searches[0].supported
    inside = set(everything[:window] if supported else [])
    together = [row for rows in pages for row in rows]
    assert sorted(everything) == sorted(together)
    assert all((row in inside) == (place < len(inside)) for place, row in enumerate(together))
    assert everything[len(inside) :] == together[len(inside) :]


# --- helpers ---------------------------------------------------------------------------------


def check_answer(call: Call, body: bytes, data: Any) -> None:
    """Read an answer; if that succeeds, every ranking of it is JSON again."""
    try:
        reply = call.decode_response(ok(body))
    except Undecodable:
        return
    orders = [data.draw(sub_permutations(len(candidates))) for candidates in reply.candidates]
    orjson.loads(reply.encode_response([Ranking(tuple(order)) for order in orders]).body)
    scores = [tuple(float(-place) for place, _ in enumerate(order)) for order in orders]
    orjson.loads(
        reply.encode_response(
            [Ranking(tuple(order), score) for order, score in zip(orders, scores, strict=True)]
        ).body
    )


def sub_permutations(rows: int) -> st.SearchStrategy[list[int]]:
    return st.permutations(range(rows)).flatmap(
        lambda order: st.integers(0, rows).map(lambda count: list(order)[:count])
    )


def textless(candidate: Candidate) -> tuple[str, float | None]:
    return candidate.id, candidate.score


def ids(reply: Reply) -> list[str]:
    return [candidate.id for candidate in reply.candidates[0]]


def by_digest(candidates: tuple[Candidate, ...]) -> list[int]:
    """Return an order that depends on the candidates alone, as a reranker's does."""
    return sorted(
        range(len(candidates)), key=lambda index: hashlib.sha256(candidates[index].id.encode()).digest()
    )


def undeclared(tree: Any) -> Any:
    """Return a request without the fields that a codec may change."""
    if isinstance(tree, dict):
        return [(key, undeclared(value)) for key, value in tree.items() if key not in DECLARED]
    return [undeclared(value) for value in tree] if isinstance(tree, list) else tree


def damaged(tree: Any) -> st.SearchStrategy[Any]:
    """Replace one node of a tree by junk, or give its document a member more."""
    places = list(_places(tree))
    return st.builds(_replaced, st.just(tree), st.sampled_from(places), st.sampled_from(JUNK)) | st.builds(
        lambda key, junk: {**tree, key: junk} if isinstance(tree, dict) else tree,
        st.sampled_from(["limit", "top", "uris", "surprise", "result", "prefetch"]),
        st.sampled_from(JUNK),
    )


def _places(tree: Any, at: tuple[Any, ...] = ()):
    yield at
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from _places(value, (*at, key))


def _replaced(tree: Any, place: tuple[Any, ...], junk: Any) -> Any:
    if not place:
        return junk
    key, *rest = place
    if isinstance(tree, dict):
        return {**tree, key: _replaced(tree[key], tuple(rest), junk)}
    return [_replaced(value, tuple(rest), junk) if i == key else value for i, value in enumerate(tree)]


@st.composite
def broken_bytes(draw: Any, body: bytes) -> bytes:
    """Cut, drop, repeat or overwrite some bytes."""
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 20)))
    return draw(
        st.sampled_from(
            [
                body[:start],
                body[:start] + body[end:],
                body[:end] + body[start:],
                body[:start] + draw(st.binary(max_size=4)) + body[end:],
                body[:start]
                + draw(st.sampled_from([b'"', b"[", b"]", b"{", b"}", b",", b"\\"]))
                + body[end:],
            ]
        )
    )

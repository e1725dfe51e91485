"""Valid searches of every protocol, each with a model of the store that answers it.

Hypothesis draws a seed and a size; all else is rolled from them by plain code, which is ten times as fast as
drawing every leaf and leaves more examples for the same time.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.codecs.chroma import ChromaCodec
from proxy.codecs.qdrant_http import QdrantHttpCodec, QdrantOptions
from proxy.codecs.text import TextFields
from proxy.model import WireRequest, WireResponse
from tests.fakes.chroma_model import ChromaModel
from tests.fakes.json_text import Number, Style, write
from tests.fakes.qdrant_model import QdrantModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from proxy.codecs.base import Call, Codec, Window
    from proxy.model import Search

NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
CHROMA = "/api/v2/tenants/t/databases/d/collections/6b2c/query"


def pages_of(call: Call) -> tuple[Search, ...]:
    """The searches of a call without where they look: most tests are not about that."""
    return tuple(replace(search, vector=None, space="", filter=b"") for search in call.searches)


class Store(Protocol):
    style: Style

    def answer(self, request: WireRequest) -> WireResponse: ...


@dataclass(frozen=True)
class Exchange:
    """A valid request, the codec that is to read it and the store that answers it."""

    codec: Codec
    request: WireRequest
    store: Store


def post(target: str, body: bytes) -> WireRequest:
    return WireRequest("POST", target, NO_HEADERS, body)


def ok(body: bytes) -> WireResponse:
    return WireResponse(200, NO_HEADERS, body)


def page_of(search: Search) -> slice:
    return slice(search.offset, search.offset + search.limit)


def windows(searches: tuple[Search, ...]) -> SearchStrategy[tuple[Window, ...]]:
    """Windows as a policy gives them: none, or the page and some rows more."""
    return st.tuples(
        *(
            st.none() | st.integers(0, 12).map(page_of(search).stop.__add__)
            if search.supported
            else st.none()
            for search in searches
        )
    )


def _rolled(roll: Callable[[Dice, int], Exchange]) -> SearchStrategy[Exchange]:
    return st.builds(lambda rows, seed: roll(Dice(seed), rows), st.integers(0, 12), st.integers(0, 2**32))


class Dice(Random):
    """Rolls JSON. Everything that a scanner of it could stumble over is likely."""

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random() < chance

    def text(self) -> str:
        return "".join(self.choices('ab"\\[]{},:/ \n\t\0\u00e9\u20ac\U0001f600', k=self.randrange(12)))

    def number(self) -> Number:
        form = self.randrange(4)
        if form == 0:
            return Number(self.randrange(-(2**80), 2**80))
        if form == 1:
            return Number(repr(self.gauss(0, 1)))
        return Number(self.choice(["1e3", "1.10", "-0", "-0.0", "1E-7", "0.30000000000000004", "12E+2"]))

    def scalar(self) -> Any:
        return self.choice([None, True, False, self.number(), self.number(), self.text(), self.text()])

    def value(self, keys: tuple[str, ...] = (), depth: int = 3) -> Any:
        form = self.randrange(3 if depth else 1)
        if form == 1:
            return [self.value(keys, depth - 1) for _ in range(self.randrange(4))]
        if form == 2:
            known = self.sample(keys, k=self.randrange(len(keys) + 1))
            return {key: self.value(keys, depth - 1) for key in [*known, self.text()][: self.randrange(5)]}
        return self.scalar()

    def vector(self) -> list[Number]:
        return [self.number() for _ in range(self.randint(1, 4))]

    def style(self) -> Style:
        return Style(self.maybe(), self.maybe())

    def some(self, **members: Callable[[], Any]) -> dict[str, Any]:
        return {key: make() for key, make in members.items() if self.maybe()}

    def shuffled(self, members: dict[str, Any]) -> dict[str, Any]:
        return dict(self.sample([*members.items()], k=len(members)))


# --- Chroma ----------------------------------------------------------------------------------

COLUMNS = ["documents", "metadatas", "distances", "embeddings", "uris"]


def chroma_exchanges() -> SearchStrategy[Exchange]:
    return _rolled(_chroma_exchange)


def _chroma_exchange(dice: Dice, rows: int) -> Exchange:
    fields = dice.choice(
        [
            TextFields(),
            TextFields(("document",)),
            TextFields(("metadata.title",)),
            TextFields(("metadata.a.b", "document"), " | "),
            TextFields(("elsewhere",)),
        ]
    )
    request = {
        "query_embeddings": [dice.vector() for _ in range(dice.randint(1, 3))],
        **dice.some(
            n_results=lambda: Number(dice.randrange(7)),
            include=lambda: dice.choices(COLUMNS, k=dice.randrange(4)),
            where=dice.value,
            ids=lambda: None,
        ),
    }
    return Exchange(
        ChromaCodec(lambda _: fields),
        post(CHROMA, write(dice.shuffled(request), dice.style())),
        ChromaModel(tuple(_chroma_row(dice, row) for row in range(rows)), dice.style()),
    )


def _chroma_row(dice: Dice, row: int) -> dict[str, Any]:
    metadata = {
        key: dice.choice([dice.number(), dice.text(), True])
        for key in ("title", "a.b", "text", dice.text())
        if dice.maybe()
    }
    if dice.maybe(0.2):
        metadata["_node_content"] = json.dumps({"text": dice.text()})
    return {
        "id": f"{row}{dice.text()}",
        "embeddings": dice.vector(),
        "documents": dice.choice([dice.text(), None]),
        "uris": dice.choice([dice.text(), None]),
        "metadatas": dice.choice([metadata, metadata, None]),
        "distances": dice.number(),
    }


# --- Qdrant ----------------------------------------------------------------------------------

PATHS = (
    *("page_content", "text", "content", "other", "metadata", "metadata.title", "metadata.text"),
    *("metadata.a.b", "metadata[]", "metadata[].text", "metadata[0].text", '"other"', 'metadata."a b"'),
)
KEYS = ("page_content", "text", "content", "metadata", "other", "title", "a", "b", "a b")
NO_RANKING = (
    None,
    {"order_by": "year"},
    {"sample": "random"},
    {"recommend": {"positive": [Number(1)]}},
    {"nearest": [Number(1)], "mmr": {"diversity": Number("0.5")}},
    {"image": "x", "model": "y"},
)


def qdrant_exchanges(*, prefetch_overfetch: bool = False) -> SearchStrategy[Exchange]:
    """Raising the limits of prefetches changes a fusion; the laws about its order hold without that."""
    return _rolled(lambda dice, points: _qdrant_exchange(dice, points, prefetch_overfetch))


def _qdrant_exchange(dice: Dice, points: int, prefetch_overfetch: bool) -> Exchange:
    fields = dice.choice(
        [TextFields(), TextFields(("metadata.text",)), TextFields(("metadata.a.b", "page_content"))]
    )
    options = QdrantOptions(batch=True, prefetch_overfetch=prefetch_overfetch, rescored_prefetch=dice.maybe())
    target, request = dice.choice(
        [
            ("/collections/c/points/query", _query_request(dice)),
            ("/prefix/collections/c%2Fd/points/query/?timeout=3", _query_request(dice)),
            ("/collections/c/points/search", _search_request(dice)),
            (
                "/collections/c/points/query/batch",
                {"searches": [_query_request(dice) for _ in range(dice.randint(1, 3))]},
            ),
        ]
    )
    return Exchange(
        QdrantHttpCodec(lambda _: fields, options),
        post(target, write(request, dice.style())),
        QdrantModel(tuple(_point(dice, point) for point in range(points)), dice.style()),
    )


def _common(dice: Dice) -> dict[str, Any]:
    return dice.some(
        with_payload=lambda: _selector(dice),
        with_vector=dice.maybe,
        offset=lambda: Number(dice.randrange(6)),
        filter=dice.value,
        params=lambda: {"hnsw_ef": Number(128)},
    )


def _selector(dice: Dice) -> Any:
    paths = dice.choices(PATHS, k=dice.randrange(4))
    return dice.choice([None, True, False, paths, {"include": paths}, {"exclude": paths}])


def _limit(dice: Dice) -> Number:
    return Number(dice.randint(1, 6))


def _query_request(dice: Dice) -> dict[str, Any]:
    form = dice.randrange(5)
    if form == 0:
        ranked: dict[str, Any] = {"query": dice.choice(NO_RANKING)}
    elif form == 1:
        ranked = {"query": _nearest(dice), "prefetch": _stage(dice)}
    elif form == 2:
        ranked = {"query": _fusion(dice), "prefetch": [_stage(dice) for _ in range(dice.randint(1, 3))]}
    else:
        ranked = {"query": _nearest(dice)}
    return dice.shuffled({**ranked, **dice.some(limit=lambda: _limit(dice)), **_common(dice)})


def _search_request(dice: Dice) -> dict[str, Any]:
    vector = dice.choice([dice.vector(), {"name": dice.text(), "vector": dice.vector()}])
    return dice.shuffled({"vector": vector, dice.choice(["limit", "top"]): _limit(dice), **_common(dice)})


def _stage(dice: Dice, depth: int = 2) -> dict[str, Any]:
    if depth and dice.maybe(0.3):
        inner = [_stage(dice, depth - 1) for _ in range(dice.randint(1, 2))]
        ranked = {"query": dice.choice([_fusion(dice), _nearest(dice)]), "prefetch": inner}
    else:
        ranked = {"query": _nearest(dice)}
    return dice.shuffled({**ranked, **dice.some(limit=lambda: _limit(dice), using=dice.text)})


def _fusion(dice: Dice) -> dict[str, Any]:
    return dice.choice([{"fusion": "rrf"}, {"fusion": "dbsf"}, {"rrf": {"k": Number(3)}}])


def _nearest(dice: Dice) -> Any:
    vector = dice.choice(
        [
            dice.vector(),
            [dice.vector(), dice.vector()],
            {"indices": [Number(1)], "values": [dice.number()]},
            Number(dice.randrange(2**63)),
            str(uuid.UUID(int=dice.getrandbits(128))),
            {"text": dice.text(), "model": "qdrant/bm25", **dice.some(options=dict)},
        ]
    )
    words = dice.text()
    return dice.choice(
        [
            vector,
            vector,
            {"nearest": vector, **dice.some(mmr=lambda: None)},
            {"text": dice.choice([words, {"query": words}])},
        ]
    )


def _point(dice: Dice, point: int) -> dict[str, Any]:
    identity = dice.choice([Number(2**64 - 1 - point), str(uuid.UUID(int=point))])
    return {
        "id": identity,
        "version": dice.number(),
        "score": dice.number(),
        "payload": {key: dice.value(KEYS) for key in KEYS if dice.maybe(0.4)},
        "vector": dice.choice([dice.vector(), {"": dice.vector()}]),
    }

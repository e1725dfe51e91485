"""Valid searches of every protocol, each with a model of the store that answers it."""

from __future__ import annotations

from dataclasses import dataclass
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
    from hypothesis.strategies import SearchStrategy

    from proxy.codecs.base import Codec, Window
    from proxy.model import Search

NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
CHROMA = "/api/v2/tenants/t/databases/d/collections/6b2c/query"


class Store(Protocol):
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


# Everything that a scanner of JSON could stumble over is likely.
texts = st.text(st.sampled_from('ab"\\[]{},: \n\u00e9\u20ac\U0001f600') | st.characters(exclude_categories=["Cs"]))
numbers = st.one_of(
    st.integers(-(2**80), 2**80).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1e3", "1.10", "-0", "-0.0", "1E-7", "0.30000000000000004", "1.0", "12E+2"]),
).map(Number)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
styles = st.builds(Style, st.booleans(), st.booleans())
vectors = st.lists(numbers, min_size=1, max_size=4)


def _optional(**members: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=members)


@st.composite
def _shuffled(draw: Any, *parts: SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    members = {key: value for part in parts for key, value in draw(part).items()}
    return dict(draw(st.permutations(list(members.items()))))


# --- Chroma ----------------------------------------------------------------------------------

_chroma_request = _shuffled(
    st.fixed_dictionaries({"query_embeddings": st.lists(vectors, min_size=1, max_size=3)}),
    _optional(
        n_results=st.integers(0, 6).map(str).map(Number),
        include=st.lists(
            st.sampled_from(["documents", "metadatas", "distances", "embeddings", "uris"]), max_size=4
        ),
        where=st.none() | st.dictionaries(texts, values, max_size=2),
        ids=st.none(),
    ),
)
_chroma_metadata = st.none() | st.dictionaries(
    st.sampled_from(["title", "a.b", "_node_content", "text"]) | texts, numbers | st.booleans() | texts, max_size=3
)
_chroma_rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": texts,
            "embeddings": vectors,
            "documents": st.none() | texts,
            "uris": st.none() | texts,
            "metadatas": _chroma_metadata,
            "distances": numbers | st.none(),
        }
    ),
    max_size=12,
    unique_by=lambda row: row["id"],
)
_chroma_fields = st.sampled_from(
    [
        TextFields(),
        TextFields(("document",)),
        TextFields(("metadata.title",)),
        TextFields(("metadata.a.b", "document"), " | "),
        TextFields(("elsewhere",)),
    ]
)


@st.composite
def chroma_exchanges(draw: Any) -> Exchange:
    fields = draw(_chroma_fields)
    return Exchange(
        ChromaCodec(lambda _: fields),
        post(CHROMA, write(draw(_chroma_request), draw(styles))),
        ChromaModel(tuple(draw(_chroma_rows)), draw(styles)),
    )


# --- Qdrant ----------------------------------------------------------------------------------

_paths = st.sampled_from(
    ["page_content", "text", "content", "metadata", "metadata.title", "metadata.text", "metadata.a.b", "other"]
    + ["metadata[]", "metadata[].text", "metadata[0].text", '"other"', "other.x-y", 'metadata."a b"']
)
_selectors = st.one_of(
    st.none(),
    st.booleans(),
    st.lists(_paths, max_size=3),
    st.fixed_dictionaries({"include": st.lists(_paths, max_size=3)}),
    st.fixed_dictionaries({"exclude": st.lists(_paths, max_size=3)}),
)
_document = st.fixed_dictionaries({"text": texts, "model": texts}, optional={"options": st.just({})})
_vector_inputs = st.one_of(
    vectors,
    st.lists(vectors, min_size=1, max_size=2),
    st.fixed_dictionaries({"indices": st.just([Number(1)]), "values": vectors}),
    st.integers(0, 2**63).map(str).map(Number),
    st.uuids().map(str),
    _document,
)
_nearest = st.one_of(
    _vector_inputs,
    st.fixed_dictionaries({"nearest": _vector_inputs}, optional={"mmr": st.none()}),
    st.fixed_dictionaries({"text": texts | st.fixed_dictionaries({"query": texts})}),
)
_fusion = st.sampled_from([{"fusion": "rrf"}, {"fusion": "dbsf"}, {"rrf": {"k": Number(3)}}])
_limits = st.integers(1, 6).map(str).map(Number)
_common = _optional(
    with_payload=_selectors,
    with_vector=st.booleans(),
    offset=st.integers(0, 5).map(str).map(Number),
    filter=st.none() | st.dictionaries(texts, values, max_size=2),
    params=st.just({"hnsw_ef": Number("128")}),
)
_leaf = _shuffled(st.fixed_dictionaries({"query": _nearest}), _optional(limit=_limits, using=texts))
_inner = _leaf | _shuffled(
    st.fixed_dictionaries({"query": _fusion, "prefetch": st.lists(_leaf, min_size=1, max_size=2)}),
    _optional(limit=_limits),
)
_plain = _shuffled(st.fixed_dictionaries({"query": _nearest}), _optional(limit=_limits), _common)
_hybrid = _shuffled(
    st.fixed_dictionaries({"query": _fusion, "prefetch": _inner | st.lists(_inner, min_size=1, max_size=3)}),
    _optional(limit=_limits),
    _common,
)
_unsupported = _shuffled(
    st.fixed_dictionaries(
        {
            "query": st.sampled_from(
                [
                    None,
                    {"order_by": "year"},
                    {"sample": "random"},
                    {"recommend": {"positive": [Number(1)]}},
                    {"nearest": [Number(1)], "mmr": {"diversity": Number("0.5")}},
                    {"image": "x", "model": "y"},
                ]
            )
        }
    ),
    _optional(limit=_limits),
    _common,
)
_legacy = st.one_of(
    _shuffled(st.fixed_dictionaries({"vector": vector, limit: _limits}), _common)
    for vector in (vectors, st.fixed_dictionaries({"name": texts, "vector": vectors}))
    for limit in ("limit", "top")
)
_any_query = _plain | _hybrid | _unsupported
_qdrant_requests = st.one_of(
    st.tuples(st.just("/collections/c/points/query"), _any_query),
    st.tuples(st.just("/prefix/collections/c%2Fd/points/query/?timeout=3"), _any_query),
    st.tuples(st.just("/collections/c/points/search"), _legacy),
    st.tuples(
        st.just("/collections/c/points/query/batch"),
        st.fixed_dictionaries({"searches": st.lists(_any_query, min_size=1, max_size=3)}),
    ),
)
_payload_keys = st.sampled_from(["page_content", "text", "content", "metadata", "other", "title", "a", "b", "a b"])
_payloads = st.dictionaries(
    _payload_keys,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_payload_keys | texts, inner, max_size=4),
        max_leaves=8,
    ),
    max_size=5,
)
_qdrant_points = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 2**64 - 1).map(str).map(Number) | st.uuids().map(str),
            "version": numbers,
            "score": numbers,
            "payload": _payloads,
            "vector": vectors | st.fixed_dictionaries({"": vectors}),
        }
    ),
    max_size=12,
    unique_by=lambda point: str(point["id"]),
)
_qdrant_fields = st.sampled_from(
    [TextFields(), TextFields(("metadata.text",)), TextFields(("metadata.a.b", "page_content"))]
)


@st.composite
def qdrant_exchanges(draw: Any, *, prefetch_overfetch: bool = False) -> Exchange:
    """Raising the limits of prefetches changes a fusion; the laws about its order hold without that."""
    fields = draw(_qdrant_fields)
    options = QdrantOptions(
        batch=True, prefetch_overfetch=prefetch_overfetch, rescored_prefetch=draw(st.booleans())
    )
    target, request = draw(_qdrant_requests)
    return Exchange(
        QdrantHttpCodec(lambda _: fields, options),
        post(target, write(request, draw(styles))),
        QdrantModel(tuple(draw(_qdrant_points)), draw(styles)),
    )

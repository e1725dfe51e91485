"""The first law against a real Chroma server: widened, and cut back in its order, is what it says unasked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs.chroma import ChromaCodec
from proxy.codecs.text import TextFields
from proxy.model import Ranking
from tests.codecs.searches import COLUMNS, NO_HEADERS, Dice, ok, page_of, post, windows
from tests.fakes.servers import chroma_server

httpx = pytest.importorskip("httpx", reason="no httpx: pip install 'midrank[clients]'")
pytest.importorskip("chromadb", reason="no chromadb: pip install 'midrank[clients]'")

pytestmark = pytest.mark.store

BASE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
ROWS = 40


@pytest.fixture(scope="module")
def ask():
    """Give a function that posts a query's body to a collection of texts made to be stumbled over."""
    dice = Dice(7)
    with chroma_server() as address, httpx.Client(base_url=address.url) as client:
        collection = client.post(BASE, json={"name": "live"}).raise_for_status().json()["id"]
        # The server writes several metadata keys in changing order, and takes no NUL and no empty document.
        texts = [dice.text().replace("\0", "") for _ in range(2 * ROWS)]
        records = {
            "ids": [f"{row} {text}" for row, text in enumerate(texts[:ROWS])],
            "embeddings": [[dice.gauss(0, 1) for _ in range(4)] for _ in range(ROWS)],
            "documents": [text or None for text in texts[ROWS:]],
            "metadatas": [dice.choice([{"k": text}, {"n": dice.gauss(0, 1)}, None]) for text in texts[:ROWS]],
        }
        client.post(f"{BASE}/{collection}/add", json=records).raise_for_status()

        def post_query(body: bytes) -> bytes:
            headers = {"content-type": "application/json"}
            answer = client.post(f"{BASE}/{collection}/query", content=body, headers=headers)
            return answer.raise_for_status().content

        yield post_query


@given(
    limit=st.none() | st.integers(0, 12),
    include=st.none() | st.lists(st.sampled_from(COLUMNS), max_size=4),
    paths=st.sampled_from([(), ("document",), ("metadata.k", "document"), ("metadata.k",)]),
    data=st.data(),
)
def test_store_order_is_invisible(ask, limit, include, paths, data) -> None:
    dice = Dice(data.draw(st.integers(0, 2**16)))
    asked = {"n_results": limit, "include": include}
    body = json.dumps(
        {
            "query_embeddings": [[dice.gauss(0, 1) for _ in range(4)] for _ in range(dice.randint(1, 3))],
            **{key: value for key, value in asked.items() if value is not None},
        }
    ).encode()
    call = ChromaCodec(lambda _: TextFields(paths)).decode_request(post(f"{BASE}/live/query", body))
    chosen = data.draw(windows(call.searches))
    widened = call.encode_request(chosen)
    assert widened.headers is NO_HEADERS

    reply = call.decode_response(ok(ask(widened.body)))
    pages = [
        Ranking(tuple(range(len(rows)))[page_of(search)])
        for search, rows in zip(call.searches, reply.candidates, strict=True)
    ]
    assert reply.encode_response(pages).body == ask(body)

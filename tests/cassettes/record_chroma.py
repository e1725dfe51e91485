"""Records what a real Chroma server says: `python -m tests.cassettes.record_chroma`.

Writes chroma-VERSION.json beside this file. Bodies are kept as text, because the codec promises bytes. Each
search is asked twice, as the app sends it and as the codec widens it. Metadata has one key at most: the
server writes several in an order that changes from answer to answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import chromadb
import httpx

from proxy.codecs.chroma import ChromaCodec
from proxy.codecs.text import TextFields
from tests.codecs.searches import post
from tests.fakes.servers import chroma_server

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
WINDOW = 8
JSON = {"content-type": "application/json"}

RECORDS = {
    "ids": [
        "plain",
        "no document",
        'quotes "and" \\slashes',
        "caf\u00e9 \U0001f600",
        "number",
        "e",
        "f",
        "g",
        "h",
    ],
    "embeddings": [
        [1, 0],
        [0.9, 0.1],
        [0.8, 0.2],
        [0.7, 0.3],
        [0.6, 0.4],
        [0.5, 0.5],
        [0, 1],
        [0, 0.9],
        [1e-8, 1],
    ],
    "documents": ["alpha", None, 'a "quoted" ]},[{', "caf\u00e9 \u20ac", "\n\t", "eps", "phi", "gam", "eta"],
    "metadatas": [
        {"page": 1},
        None,
        {"k": ']"}'},
        {"ok": True},
        {"x": 1.5},
        {"x": 1e30},
        {"x": -0.0},
        None,
        {"t": ""},
    ],
    "uris": ["u:1", None, None, None, None, None, None, None, None],
}
SEARCHES: dict[str, dict[str, Any]] = {
    "defaults": {"n_results": 3},
    "everything": {"n_results": 2, "include": ["documents", "metadatas", "distances", "embeddings", "uris"]},
    "nothing": {"n_results": 3, "include": []},
    "distances only": {"n_results": 3, "include": ["distances"]},
    "another order": {"n_results": 2, "include": ["uris", "metadatas"]},
    "twice the same": {"n_results": 2, "include": ["distances", "distances"]},
    "no limit": {"include": ["distances"]},
    "more than there is": {"n_results": 100, "include": ["documents"]},
    "a batch": {"query_embeddings": [[1, 0], [0, 1], [0.5, 0.5]], "n_results": 2, "include": ["metadatas"]},
    "some ids": {"n_results": 2, "ids": ["plain", "number", "h"], "include": ["distances"]},
    "a filter": {"n_results": 2, "where": {"x": {"$gt": 1}}, "include": ["metadatas"]},
    "no hits": {"n_results": 2, "where": {"x": {"$gt": 1e31}}, "include": ["distances"]},
    "nulls": {"n_results": 2, "where": None, "where_document": None, "ids": None},
}
REFUSED: dict[str, dict[str, Any]] = {
    "no queries": {"query_embeddings": None},
    "text for a vector": {"query_embeddings": "abc"},
    "negative": {"n_results": -1},
    "a fraction": {"n_results": 2.0},
    "a boolean": {"n_results": True},
    "include is a word": {"include": "documents"},
    "include has a null": {"include": [None]},
}


def main() -> None:
    """Record, and say where."""
    with chroma_server() as address, httpx.Client(base_url=address.url, headers=JSON) as client:
        created = client.post(f"{DATABASE}/collections", json={"name": "recorded"}).raise_for_status()
        path = f"{DATABASE}/collections/{created.json()['id']}"
        client.post(f"{path}/add", json=RECORDS).raise_for_status()
        cassette = {
            "recorded from": {
                "chromadb": chromadb.__version__,
                "GET /api/v2/version": client.get("/api/v2/version").json(),
            },
            "window": WINDOW,
            "path": f"{path}/query",
            "names": {
                "create": created.text,
                "get": client.get(f"{DATABASE}/collections/recorded").text,
                "list": client.get(f"{DATABASE}/collections").text,
            },
            "searches": {name: _search(client, path, search) for name, search in SEARCHES.items()},
            "refused": {name: _ask(client, path, _body(search)) for name, search in REFUSED.items()},
        }
    file = Path(__file__).with_name(f"chroma-{chromadb.__version__}.json")
    file.write_text(json.dumps(cassette, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(file)  # noqa: T201 - a script for people


def _body(search: dict[str, Any]) -> str:
    return json.dumps({"query_embeddings": [[1, 0]], **search})


def _search(client: httpx.Client, path: str, search: dict[str, Any]) -> dict[str, Any]:
    body = _body(search)
    call = ChromaCodec(lambda _: TextFields()).decode_request(post(f"{path}/query", body.encode()))
    widened = call.encode_request([WINDOW] * len(call.searches)).body.decode()
    return {"direct": _ask(client, path, body), "widened": _ask(client, path, widened)}


def _ask(client: httpx.Client, path: str, body: str) -> dict[str, Any]:
    answer = client.post(f"{path}/query", content=body.encode())
    return {"request": body, "status": answer.status_code, "answer": answer.text}


if __name__ == "__main__":
    main()

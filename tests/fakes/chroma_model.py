"""A model of Chroma's query endpoint: what a server with these rows answers, and nothing else of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import WireResponse
from tests.fakes.json_text import COMPACT, Number, Style, read, write

if TYPE_CHECKING:
    from proxy.model import WireRequest

DEFAULT_INCLUDE = ["documents", "metadatas", "distances"]
COLUMNS = ("embeddings", "documents", "uris", "metadatas", "distances")


@dataclass(frozen=True)
class ChromaModel:
    """`rows` hold `id` and one value for each column; every query sees them in an order of its own."""

    rows: tuple[dict[str, Any], ...]
    style: Style = COMPACT

    def answer(self, request: WireRequest) -> WireResponse:
        """Answer a valid query."""
        asked = read(request.body)
        wanted = int(asked["n_results"]) if "n_results" in asked else 10
        include = asked.get("include", DEFAULT_INCLUDE)
        found = [self._nearest(query)[:wanted] for query in asked["query_embeddings"]]
        answer = {
            "ids": [[row["id"] for row in rows] for rows in found],
            **{
                column: [[row[column] for row in rows] for rows in found] if column in include else None
                for column in COLUMNS
            },
            "include": include,
        }
        return WireResponse(200, CIMultiDictProxy(CIMultiDict()), write(answer, self.style))

    def _nearest(self, query: list[Number]) -> list[dict[str, Any]]:
        seed = ",".join(query)
        return sorted(self.rows, key=lambda row: hashlib.sha256(f"{seed}/{row['id']}".encode()).digest())

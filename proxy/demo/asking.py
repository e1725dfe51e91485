"""Ask a question through the unmodified chromadb client: directly, and through midrank.

The application's share is one line, where it knows the question: it goes into OpenTelemetry's baggage as
`midrank.query`. OpenTelemetry's own instrumentation of httpx sends it along, and here also reads how midrank
answered.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings
from opentelemetry import baggage, context
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from proxy.demo.corpus import document_of
from proxy.recovery import BAGGAGE_KEY
from proxy.scopes import CACHE_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from chromadb.api import ClientAPI
    from numpy.typing import NDArray
    from opentelemetry.instrumentation.httpx import ResponseInfo
    from opentelemetry.trace import Span

COLLECTION = "python_stdlib"
# What the application asks for; midrank fetches more by itself.
PAGE = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """One search: the documents in order, the seconds it took, midrank's word on it (empty if direct)."""

    documents: tuple[str, ...]
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Pair:
    """The two answers to one question."""

    direct: Answer
    reranked: Answer

    @property
    def added(self) -> float:
        """The seconds that going through midrank added."""
        return self.reranked.seconds - self.direct.seconds


def connect(url: str, headers: dict[str, str] | None = None) -> ClientAPI:
    """Return the client an application would make; it sends nothing to anyone else."""
    address = urlsplit(url)
    settings = Settings(anonymized_telemetry=False)
    return chromadb.HttpClient(
        host=address.hostname or "", port=address.port or 80, headers=headers, settings=settings
    )


class Asker:
    """The same application twice: in front of the store, and in front of midrank."""

    def __init__(self, direct_url: str, midrank_url: str) -> None:
        """Open the collection through both; `asking` does this with httpx instrumented."""
        self._direct = connect(direct_url).get_collection(COLLECTION, embedding_function=None)
        self._remembering = connect(midrank_url).get_collection(COLLECTION, embedding_function=None)
        # Passes over the same questions are to show what reading takes, not what remembering scores saves.
        reading = connect(midrank_url, {CACHE_HEADER: "off"})
        self._midrank = reading.get_collection(COLLECTION, embedding_function=None)
        self._outcome = ""
        self._midrank_first = False

    @property
    def collection_id(self) -> str:
        """The id that stands in the collection's URL."""
        return str(self._direct.id)

    def ask(self, text: str, vector: NDArray[np.float32]) -> Pair:
        """Ask both, taking turns as the first, so that neither profits from what the other has warmed up."""
        self._midrank_first = not self._midrank_first
        if self._midrank_first:
            reranked = self.ask_midrank(text, vector)
            return Pair(self._ask(self._direct, text, vector), reranked)
        direct = self._ask(self._direct, text, vector)
        return Pair(direct, self.ask_midrank(text, vector))

    def ask_midrank(self, text: str, vector: NDArray[np.float32]) -> Answer:
        """Ask through midrank alone."""
        return self._ask(self._midrank, text, vector)

    def ask_again(self, text: str, vector: NDArray[np.float32]) -> Answer:
        """Ask through midrank as it is by default: with the scores of what was asked before."""
        return self._ask(self._remembering, text, vector)

    def _ask(self, collection: chromadb.Collection, text: str, vector: NDArray[np.float32]) -> Answer:
        token = context.attach(baggage.set_baggage(BAGGAGE_KEY, text))
        try:
            started = time.perf_counter()
            result = collection.query(query_embeddings=[vector.tolist()], n_results=PAGE)
            seconds = time.perf_counter() - started
        finally:
            context.detach(token)
        documents = dict.fromkeys(document_of(passage) for passage in result["ids"][0])
        return Answer(tuple(documents), seconds, self._outcome)

    def saw_response(self, _span: Span, _request: object, response: ResponseInfo) -> None:
        """Take midrank's word off a response, as a hook of the instrumentation."""
        words = [response.headers.get(name) for name in ("x-midrank", "x-midrank-reason") if response.headers]
        self._outcome = ": ".join(word for word in words if word)


@contextmanager
def asking(direct_url: str, midrank_url: str) -> Iterator[Asker]:
    """Give an asker while httpx is instrumented by OpenTelemetry."""
    asker = Asker(direct_url, midrank_url)
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(response_hook=asker.saw_response)
    try:
        yield asker
    finally:
        instrumentor.uninstrument()

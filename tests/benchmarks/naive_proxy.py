"""What midrank is compared with: the reranking proxy that one writes in an afternoon.

    python -m tests.benchmarks.naive_proxy --port 9200 --store http://localhost:9100 --model . --budget-ms 150

It asks for more rows, waits for `CrossEncoder.predict` in a thread for as long as the budget lasts, and falls
back to the store's order. All or nothing: a search whose rows take longer than the budget gets nothing.

`--fitted` is its strongest version, so that what midrank's scheduling is worth can be told apart from what
its int8 graph is worth: it runs that same graph, on all CPUs, over only as many rows as there is time for
when it is alone, as a careful author would set it. But a thread that nobody waits for any more goes on
computing, and takes the time of other searches.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter
from urllib.parse import unquote

import numpy as np
import orjson
import uvloop
from aiohttp import ClientSession, web
from sentence_transformers import CrossEncoder

from proxy.policy import Candidates
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_graph import LocalTextGraph, TextInput
from tests.benchmarks.prose import QUERIES, passages

Predict = Callable[[Sequence[tuple[str, str]]], np.ndarray]

MAX_TOKENS = 256  # midrank's default
USUAL_TOKENS = 150  # of SQuAD's paragraphs


class NaiveProxy:
    """Reranks Chroma's searches of one query each."""

    def __init__(self, store: str, model: str, budget: float, *, fitted: bool) -> None:
        self._store = store
        self._predict = _int8_graph(model) if fitted else _torch(model)
        self._budget = budget
        self._candidates = Candidates()
        self._most = self._fit() if fitted else self._candidates.max

    async def search(self, request: web.Request) -> web.Response:
        """Answer a search."""
        asked = orjson.loads(await request.read())
        limit = asked["n_results"]
        query = unquote(request.headers["x-midrank-query"])
        body = orjson.dumps({**asked, "n_results": self._candidates.window(limit)})
        headers = {"content-type": "application/json"}
        async with (
            ClientSession() as session,
            session.post(self._store + request.path, data=body, headers=headers) as answer,
        ):
            found = orjson.loads(await answer.read())
        since = perf_counter()
        rows = len(found["ids"][0])
        texts = found["documents"][0][: self._most]
        outcome = "reranked" if len(texts) == rows else "partial"
        marks = {"x-midrank": outcome, "x-midrank-scored": f"{len(texts)}/{rows}"}
        try:
            scores = await asyncio.wait_for(
                asyncio.to_thread(self._predict, [(query, text) for text in texts]), self._budget
            )
            order = [*(-scores).argsort().tolist(), *range(len(texts), rows)][:limit]
        except TimeoutError:
            marks = {"x-midrank": "fallback", "x-midrank-reason": "late"}
            order = list(range(limit))
        for column in ("ids", "documents", "distances"):
            found[column] = [[found[column][0][place] for place in order]]
        marks["server-timing"] = f"midrank;dur={(perf_counter() - since) * 1000:.1f}"
        return web.Response(body=orjson.dumps(found), content_type="application/json", headers=marks)

    def _fit(self) -> int:
        """Return the most rows of usual length that are scored within four fifths of the budget."""
        pairs = [(QUERIES[0], text) for text in passages(20, USUAL_TOKENS)]
        times = []
        for _ in range(9):
            since = perf_counter()
            self._predict(pairs)
            times.append(perf_counter() - since)
        rows = int(0.8 * self._budget / (median(times) / len(pairs)))
        return max(1, min(self._candidates.max, rows))


def _torch(model: str) -> Predict:
    return CrossEncoder(model, device="cpu", max_length=MAX_TOKENS).predict


def _int8_graph(model: str) -> Predict:
    """Return midrank's own graph, called in the plainest way: every CPU takes the next pair."""
    graph = LocalTextGraph(prepare(model))
    threads = ThreadPoolExecutor(usable_cpus())

    def score(pair: tuple[str, str]) -> float:
        query, text = pair
        return float(graph.run([TextInput(text, query, MAX_TOKENS)])[0][0])

    return lambda pairs: np.array(list(threads.map(score, pairs)))


async def ready(_: web.Request) -> web.Response:
    """Say that the model is loaded."""
    return web.Response()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="rerank naively")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--budget-ms", type=float, required=True)
    parser.add_argument(
        "--fitted", action="store_true", help="our int8 graph, over as many rows as there is time for"
    )
    options = parser.parse_args()
    proxy = NaiveProxy(options.store, options.model, options.budget_ms / 1000, fitted=options.fitted)
    application = web.Application()
    application.add_routes([web.get("/ready", ready), web.post("/{path:.*}", proxy.search)])
    web.run_app(
        application,
        host="127.0.0.1",
        port=options.port,
        loop=uvloop.new_event_loop(),
        print=None,
        access_log=None,
    )

"""Two tenants of one store, and a scorer whose scores tell what they were made for.

Every document and every question has a number, and a score holds both: a score that was made for another
document, or for a question that somebody else has asked, gives itself away in the answer (`scores: replace`).
The questions come in phrasings so near to each other that the semantic cache takes one for another; some of
them only one tenant ever uses.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

import aiohttp
import numpy as np
import orjson
from aiohttp import web

from proxy.app import App
from proxy.policy import Policy
from proxy.scoring.base import Scores
from tests.fakes.fixed_store import QUERY_PATH
from tests.fakes.odd_scorers import FormulaScorer

TENANTS = ("token of one", "token of another")
TOPICS = (
    ("how do wasps build nests", "how do wasps build their nests", "how wasps build nests"),
    ("what do owls eat at night", "what do owls usually eat at night", "what is eaten by owls at night"),
    (
        "why is bread dough left to rest",
        "why is a bread dough left to rest",
        "so why is bread dough left to rest",
    ),
)
# Of each topic, the first phrasing is everybody's, the second the first tenant's, the third the other's.
PHRASINGS = {0: (0, 1), 1: (0, 2)}
QUESTIONS = [phrasing for topic in TOPICS for phrasing in topic]
OWN = 30  # documents of a tenant that only it has
COMMON = 10  # documents that both have, under ids of their own
LEAST = 2**11  # above what a document's and a question's number take of a score


class Asked(NamedTuple):
    """One search: who asks what, among which half of the documents (None: all), for how many rows."""

    tenant: int
    question: int
    half: int | None
    rows: int

    @property
    def request(self):
        """Give body and headers."""
        topic = self.question // 3
        vector = [0.0, 0.0, 0.0, 0.03 * (self.question % 3)]
        vector[topic] = 1.0
        where = {} if self.half is None else {"where": {"half": self.half}}
        body = {
            "query_embeddings": [vector],
            "n_results": self.rows,
            "include": ["documents", "distances"],
            **where,
        }
        headers = {"x-chroma-token": TENANTS[self.tenant], "x-midrank-query": quote(QUESTIONS[self.question])}
        return orjson.dumps(body), headers


class Row(NamedTuple):
    id: str
    text: str
    score: int

    @property
    def document(self):
        """The number of the document that the score was made for."""
        return self.score % LEAST // len(QUESTIONS)

    @property
    def question(self):
        """The number of the question that the score was made for."""
        return self.score % LEAST % len(QUESTIONS)


def documents(tenant):
    """Give the numbers of a tenant's documents by id."""
    own = range(tenant * OWN, (tenant + 1) * OWN)
    common = range(2 * OWN, 2 * OWN + COMMON)
    return {f"tenant {tenant}, row {number}": number for number in (*own, *common)}


def text_of(number):
    return f"document {number}"


class Store:
    """A store in Chroma's words whose token says whose documents it searches."""

    async def answer(self, request):
        asked = orjson.loads(await request.read())
        tenant = TENANTS.index(request.headers["x-chroma-token"])
        half = asked.get("where", {}).get("half")
        topic = int(np.argmax(asked["query_embeddings"][0]))
        found = [(number * 13 % 101 + topic, key, number) for key, number in documents(tenant).items()]
        rows = sorted(row for row in found if half is None or row[2] % 2 == half)[: asked["n_results"]]
        page = {
            "ids": [[key for _, key, _ in rows]],
            "documents": [[text_of(number) for _, _, number in rows]],
            "distances": [[float(far) for far, _, _ in rows]],
            "metadatas": None,
            "embeddings": None,
            "uris": None,
            "include": ["documents", "distances"],
        }
        return web.Response(body=orjson.dumps(page), content_type="application/json")


@dataclass
class Telling(FormulaScorer):
    """Gives scores that tell what they were made for, in two halves with a pause between."""

    pointwise: bool = True
    identity: str = "telling"
    may_go: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def __post_init__(self):
        self.may_go.set()

    async def score(self, job):
        self.jobs.append(job)
        await self.may_go.wait()
        values = self.formula(job)
        for place in range(len(values) // 2):
            job.found and job.found(place, float(values[place]))
        await asyncio.sleep(0.001)
        return Scores(values, scorer=self.name)

    def formula(self, job):
        question = QUESTIONS.index(job.query)
        numbers = [int(text.removeprefix("document ")) for text in job.texts]
        return np.array([score(number, question) for number in numbers], dtype=np.float32)


def score(document, question):
    """Mix both up, for an order that depends on both, and keep them: exact in float32."""
    return (document * 31 + question * 17) % 61 * LEAST + document * len(QUESTIONS) + question


class Front:
    """A midrank, and how it is asked."""

    def __init__(self, app, scorer, session):
        self._app = app
        self._session = session
        self.scorer = scorer
        self.url = "http://{}:{}{}".format(*app.addresses["chroma"], QUERY_PATH)

    async def ask(self, asked):
        body, headers = asked.request
        async with self._session.post(self.url, data=body, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["x-midrank"] in ("reranked", "cached")
            return orjson.loads(await answer.read())

    @property
    def figures(self):
        """Tell the figures of the model and of the caches around it."""
        return self._app.caches.model_figures()["default"]

    @property
    def storage(self):
        """Tell the figures of what keeps the scores."""
        return self._app.caches.storage_figures()

    @property
    def stats(self):
        """What an operator is told; None without caches."""
        return self._app.caches.stats() if self._app.caches.exist else None

    async def clear(self):
        await self._app.caches.clear()


@asynccontextmanager
async def fronts(*caches, secret=None, **settings):
    """Run a midrank for each of the `cache` parts of a rule, in front of the same store."""
    async with AsyncExitStack() as stack:
        store = web.ServerRunner(web.Server(Store().answer, access_log=None))
        await store.setup()
        stack.push_async_callback(store.cleanup)
        await web.TCPSite(store, "127.0.0.1", 0).start()
        connections = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connections))
        made = []
        for cache in caches:
            upstream = "http://{}:{}".format(*store.addresses[0])
            policy = {
                "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": upstream}],
                "rules": [
                    {
                        "scores": "replace",
                        "budget_ms": 30_000,
                        "candidates": {"min": 5, "max": 20, "factor": 3},
                        "cache": cache,
                    }
                ],
                "cache": settings,
                "secret": secret,
            }
            scorer = Telling()
            app = App(Policy.model_validate(policy), scorers={"default": scorer})
            await app.start()
            stack.push_async_callback(app.close)
            await app.loaded()
            made.append(Front(app, scorer, session))
        yield made


def rows(answer):
    return [
        Row(key, text, round(-distance))
        for key, text, distance in zip(
            answer["ids"][0], answer["documents"][0], answer["distances"][0], strict=True
        )
    ]

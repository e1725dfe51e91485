"""An evaluation, top to bottom: a store, a midrank for every policy in front of it, questions, figures."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import uvloop

from proxy.errors import BadConfig, Mistake
from proxy.evaluation.arms import served, store_of
from proxy.evaluation.asking import Asker, make_session
from proxy.evaluation.dense import Embedder
from proxy.evaluation.embedded_store import EmbeddedStore
from proxy.evaluation.findings import STORE, Named, arms, own_documents, recall
from proxy.evaluation.kept_vectors import evaluation_folder, keep_within, kept_vectors
from proxy.evaluation.live import StoreUnusable, live_door
from proxy.evaluation.passes import Question, ask_all, calmed, settled
from proxy.evaluation.results import FAILED, Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    import aiohttp

    from proxy.evaluation.arms import Contender, Served
    from proxy.evaluation.asking import Reply
    from proxy.evaluation.doors import Door
    from proxy.evaluation.judged import Judged
    from proxy.evaluation.live import Live
    from proxy.policy import Store

# Bytes for what midranks of earlier runs have learnt about documents: some ten policies.
MOST_LEARNT = 2**31


class Stages(Protocol):
    """Who is told how far an evaluation is."""

    def __call__(self, title: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a stage of so many steps; the block is given what to call with the steps that were done."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked, of whom, and how.

    Answers have `k` rows; recall is that of the store's first `window`. Every query is asked `warm_up` times
    before it counts, and `concurrency` queries are asked at once. The store is the one of the policies that
    is called `store`, or their only one; where that is not `live`, an index of all documents is built on the
    spot, and called `collection`.
    """

    judged: Judged
    contenders: tuple[Contender, ...]
    collection: str
    live: Live | None = None
    store: str | None = None
    k: int = 10
    window: int = 50
    warm_up: int = 1
    concurrency: int = 1


class _Far(NamedTuple):
    """The store at the far end: its URL, and how to be let in, for as long as a block runs."""

    url: str
    door: Callable[[aiohttp.ClientSession], AbstractAsyncContextManager[Door]]


def evaluate(plan: Plan, stages: Stages) -> Evaluation:
    """Ask everything, and return what it comes to; whatever was started has ended by then.

    Raises:
        BadConfig: the policies have no such store, or there is nothing to build an index of.
        NotStarted: a midrank did not come up.
        StoreUnusable: the store does not answer as it should.
    """
    stores = _stores(plan)
    questions = _questions(plan, stages)
    with ExitStack() as stack:
        far = _built(plan, stack, stages) if plan.live is None else _there(stores[0], plan.live)
        midranks = []
        keep_within(evaluation_folder(), "matrices-*", MOST_LEARNT)
        with stages("starting midrank", len(stores)) as advance:
            for place, (contender, store) in enumerate(zip(plan.contenders, stores, strict=True)):
                upstream = None if plan.live else far.url
                # One that is warmed up anyway may remember the last run; a file is one process's.
                kept = evaluation_folder() / f"matrices-{place}" if plan.warm_up else None
                midranks.append(stack.enter_context(served(contender, store, upstream, kept)))
                advance(1)
        return uvloop.run(_evaluated(plan, questions, far, midranks, stages))


def _stores(plan: Plan) -> list[Store]:
    """Return the store of every policy: one and the same, if it is to be asked."""
    stores = [store_of(contender, plan.store) for contender in plan.contenders]
    if plan.live and len({(store.kind, store.upstream) for store in stores}) > 1:
        upstreams = ", ".join(dict.fromkeys(store.upstream for store in stores))
        wanted = "policies in front of one and the same store"
        raise BadConfig((Mistake("(command line)", "--policy", upstreams, wanted),))
    return stores


def _questions(plan: Plan, stages: Stages) -> list[Question]:
    """Return texts with vectors: for a live store those that came with them, else the built-in model's."""
    queries = plan.judged.queries
    given = [query.vector if plan.live else None for query in queries]
    if None not in given:
        return [Question(query.text, query.vector or ()) for query in queries]
    texts = [query.text for query in queries]
    with stages("embedding queries", len(queries)) as advance:
        own = kept_vectors(evaluation_folder(), texts, Embedder(), advance).tolist()
    return [Question(text, theirs or ours) for text, theirs, ours in zip(texts, given, own, strict=True)]


def _built(plan: Plan, stack: ExitStack, stages: Stages) -> _Far:
    """Build an index of all documents, and a socket for it that listens already."""
    documents = plan.judged.documents
    if not documents:
        raise BadConfig((Mistake(plan.judged.name, "documents", "none", "documents, or --live"),))
    with stages("embedding documents", len(documents)) as advance:
        vectors = kept_vectors(evaluation_folder(), list(documents.values()), Embedder(), advance)
    store = EmbeddedStore(plan.collection, documents, vectors)
    at = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    host, port = at.getsockname()
    return _Far(f"http://{host}:{port}", lambda _: store.serving(at))


def _there(store: Store, live: Live) -> _Far:
    return _Far(store.upstream, lambda session: live_door(session, store, live))


async def _evaluated(
    plan: Plan, questions: Sequence[Question], far: _Far, midranks: Sequence[Served], stages: Stages
) -> Evaluation:
    """Ask all questions of all arms, and calculate."""
    async with make_session() as session, far.door(session) as door:
        headers = plan.live.headers if plan.live else {}
        askers = [
            Asker(session, far.url, door, headers),
            *(Asker(session, one.url, door, headers, midrank=True) for one in midranks),
        ]
        await _tried_out(askers[0], questions[0])
        more = bool(own_documents(plan.judged))  # rows that will not count
        with stages("finding what there is to find", len(questions)) as advance:
            (deep,) = await ask_all(askers[:1], questions, plan.window + more, advance=advance)
        found, nameless = _told_apart(plan, deep)
        for _ in range(plan.warm_up):
            await calmed(askers[1:], questions[0])
            with stages("warming up", len(questions)) as advance:
                await ask_all(askers, questions, plan.k + more, concurrency=plan.concurrency, advance=advance)
            with stages("letting midrank read what it had no time for"):
                await settled(session, [one.admin for one in midranks])
        await calmed(askers[1:], questions[0])
        with stages("asking", len(questions)) as advance:
            replies = await ask_all(
                askers, questions, plan.k + more, concurrency=plan.concurrency, advance=advance
            )
    judged = plan.judged
    named = [Named(STORE), *(_named(plan, one.contender, one.store) for one in midranks)]
    return Evaluation(
        data=judged.name,
        live=plan.live is not None,
        queries=len(judged.queries),
        unjudged=judged.unjudged,
        documents=len(judged.documents),
        k=plan.k,
        window=plan.window,
        recall=recall(judged, deep, plan.window),
        arms=arms(judged, named, replies, plan.k),
        textless=judged.textless,
        found=found,
        nameless=nameless,
        unfound=sum(reply.outcome == FAILED for reply in deep),
    )


def _told_apart(plan: Plan, deep: Sequence[Reply]) -> tuple[int, int]:
    """Return how many rows the store finds, and how many of them do not tell which documents they are of.

    Raises:
        StoreUnusable: none of them does.
    """
    found, nameless = sum(len(reply.ids) for reply in deep), sum(reply.nameless for reply in deep)
    if plan.live and found and nameless == found:
        raise StoreUnusable(f"no row that the store finds has {plan.live.id_field!r}: see --id-field")
    return found, nameless


def _named(plan: Plan, contender: Contender, store: Store) -> Named:
    """Say what its policy does with the searches that were asked."""
    file = str(contender.file) if contender.file else None
    rule = contender.policy.rule(store.name, plan.collection)
    if rule is None or rule.mode == "off":
        return Named(contender.name, file)
    return Named(contender.name, file, rule.rerank, rule.budget_ms / 1000)


async def _tried_out(store: Asker, question: Question) -> None:
    """Ask the store once: what it can't answer at all should not be found out after all questions."""
    reply = await store.ask(question.text, question.vector, 1)
    if reply.outcome == FAILED:
        raise StoreUnusable(f"the store does not answer as it should: {reply.reason}")

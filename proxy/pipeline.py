"""One exchange, from the app's request to its answer.

    decode   the request, by the store's codec
    plan     rule, mode, query text and window, by the policy; the caller may only tighten it
    fetch    the widened request; one that the store refuses is sent again as it came
    rank     the candidates of every search, all inside one deadline
    encode   the page the app asked for

Who watches is told afterwards, see `aftermath`.
Wherever this ends early the answer is `Forward`: send the original on and stream the store's own answer back.
So whatever goes wrong in here, the app gets what it would have got without midrank, and a reason.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from proxy.aftermath import Aftermath, Intent, Looked, RankedCall
from proxy.caution import Caution
from proxy.errors import Oversized, Unanswerable, Undecodable
from proxy.evidence.evidence import UNPROVEN, Evidence, Showing, Stand
from proxy.exchange_span import ExchangeSpans, answered, failed, fetched, unanswerable
from proxy.model import Forward, Outcome, Ranking, Reason, Verdict, worst
from proxy.outcome_headers import marked, outcome_headers
from proxy.plan import Plan, Prospect, make_plan, switched_off
from proxy.pulse import Pulse
from proxy.scopes import Scopes
from proxy.searches import Searches
from proxy.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from proxy.codecs.base import Call, Codec, Reply
    from proxy.model import WireRequest, WireResponse
    from proxy.names import CollectionNames
    from proxy.plan import SearchPlan
    from proxy.policy import Policy
    from proxy.policy_scoring import Scoring
    from proxy.scoring.ranker import Ranked, Ranker
    from proxy.scoring.warm_up import Learner
    from proxy.telemetry import Telemetry

# Statuses by which a store refuses what was changed (a limit, a field). Others are about the app's own call:
# repeating those would double the load of a store that asks for less (429, 503).
REFUSALS = frozenset((400, 422))

# What a search counts for in the store's usual time.
LEARN = 0.1

_log = logging.getLogger(__name__)


class _Passed(Exception):
    """Ends an exchange early: the original request goes on."""

    def __init__(self, outcome: Outcome, reason: Reason) -> None:
        super().__init__(reason.value)
        self.verdict = Verdict(outcome, reason)


class _Answer(NamedTuple):
    """The store's answer as the app gets it, and the seconds that midrank and the store took for it.

    `stages` are those of the steps, see `telemetry.names.STAGES`; fewer where it ended early.
    """

    response: WireResponse
    verdict: Verdict
    added: float
    store: float
    stand: Stand
    stages: tuple[float, ...]


class Pipeline:
    """The exchanges of one store."""

    def __init__(
        self,
        *,
        store: str,
        policy: Policy,
        codec: Codec,
        names: CollectionNames,
        fetch: Callable[[WireRequest], Awaitable[WireResponse]],
        rankers: Mapping[Scoring, Ranker],
        telemetry: Telemetry,
        learners: Mapping[str, Learner] | None = None,
        pulse: Pulse | None = None,
        evidence: Evidence | None = None,
        secret: bytes = b"",
    ) -> None:
        """Take the parts.

        `learners` are those of the models, by name, that want to know texts early; `pulse` says how late the
        event loop runs; `evidence` is told what was seen, and has a say in what is shown. With `secret` the
        scopes of cached scores are digested.
        """
        self._store = store
        self._policy = policy
        self._codec = codec
        self._names = names
        self._fetch = fetch
        self._telemetry = telemetry
        upstream = next((str(one.upstream) for one in policy.stores if one.name == store), "")
        text = policy.telemetry.text
        self._spans = ExchangeSpans(telemetry, store=store, system=codec.system, upstream=upstream, text=text)
        self._searches = Searches(store, rankers, telemetry, text=text)
        self._learners = learners or {}
        self._pulse = pulse or Pulse()
        self._evidence = evidence or Evidence()
        self._scopes = Scopes(store, policy.cache, secret)
        self._writes = Writes(codec, names, self._learners_of, partial(telemetry.measures.write, store))
        self._aftermath = Aftermath(self._evidence, self._searches, self._look)
        # Deadlines are event-loop times, which uvloop counts in whole milliseconds; durations are finer.
        self._loop_time = asyncio.get_running_loop().time
        self._caution = Caution(self._loop_time)
        self._store_seconds = 0.0  # what the store takes, a moving average

    def claims(self, method: str, target: str) -> bool:
        """Say whether a request may be a search, by method and raw path alone."""
        return self._codec.claims(method, target)

    def teaches(self, method: str, target: str) -> bool:
        """Say whether the passing answer to a request is worth showing to `learn`."""
        return self._names.teaches(method, target)

    def learn(self, body: bytes) -> None:
        """Take collection names out of a passing answer."""
        self._names.learn(body)

    def wants_write(self, method: str, target: str) -> bool:
        """Say whether a passing request writes documents that a model would like to know early."""
        return bool(self._learners) and self._writes.wanted(method, target)

    def written(self, request: WireRequest) -> None:
        """Tell the models about the documents of a write that the store has taken, soon."""
        self._writes.add(request)

    async def run(self, request: WireRequest) -> WireResponse | Forward:
        """Answer a claimed request, or say that the original is to be sent on.

        Raises:
            Unanswerable: the store can't be reached, is silent, or talks junk.
        """
        measures = self._telemetry.measures
        with self._telemetry.continued(request.headers), self._spans.exchange(request) as span:
            intent: Intent | None = None
            answer: _Answer | None = None
            try:
                intent = await self._intend(request)
                self._spans.planned(span, intent.plan)
                answer = await self._answer(intent)
                verdict = answer.verdict
            except _Passed as passed:
                verdict = passed.verdict
            except Unanswerable as error:
                unanswerable(span, error)
                measures.search(self._store, Verdict(Outcome.PASSED, Reason.STORE_ERROR))
                raise
            except Exception:  # noqa: BLE001 - a mistake of ours costs the app a reranking, never an answer
                _log.exception("exchange failed", extra={"store": self._store})
                verdict = Verdict(Outcome.FALLBACK, Reason.INTERNAL_ERROR)
            answered(span, verdict, answer and answer.response.status)
            measures.search(
                self._store, verdict, added=answer and answer.added, budget=intent and intent.plan.budget
            )
            if answer is not None:
                measures.stages(self._store, answer.stages)
            if verdict.outcome is Outcome.FALLBACK:
                _log.warning("search fell back", extra={"store": self._store, "reason": verdict.reason})
        stand = answer.stand if answer is not None else intent.stand if intent is not None else UNPROVEN
        headers = (*outcome_headers(verdict), *stand.headers)
        if answer is None:
            return Forward(headers, self._aftermath.later(intent) if intent is not None else None)
        if answer.response.status == 200:
            self._evidence.answered(stand)
        return marked(answer.response, headers, added=answer.added, store=answer.store)

    def unread(self, reason: Reason) -> Forward:
        """Count a claimed request that the listener sends on unread."""
        verdict = Verdict(Outcome.PASSED, reason)
        self._telemetry.measures.search(self._store, verdict)
        return Forward(outcome_headers(verdict))

    def served(self, method: str, status: int | str, seconds: float, *, claimed: bool) -> None:
        """Take in how long a request of this store took, the listener's part included."""
        self._telemetry.measures.request(self._store, method, status, seconds, claimed=claimed)

    async def close(self) -> None:
        """Drop the rankings and questions that nobody waits for."""
        await self._aftermath.close()
        await self._writes.close()
        await self._names.close()

    async def _intend(self, request: WireRequest) -> Intent:
        """Read a request, and say what is to be done about it."""
        started = perf_counter()
        arrived = self._loop_time()
        if switched_off(request.headers):
            raise _Passed(Outcome.PASSED, Reason.MODE_OFF)
        call = await self._decode(request)
        collection = self._names.name(call.collection)
        rule = self._policy.rule(self._store, collection)
        reuse = self._scopes.of_call(rule, request, call)
        prospect = Prospect(
            row_limit=self._caution.row_limit(call.collection),
            timeout=call.timeout,
            store_seconds=self._store_seconds,
            lag=self._pulse.lag,
        )
        if rule is not None and rule.mode == "on":
            # Behind an answer nobody waits, so how far the models get is found out there.
            prospect = prospect._replace(
                reach=self._searches.reach,
                known=lambda place, query: self._searches.known(call, query, reuse[place]),
            )
        plan = make_plan(call.searches, request.headers, rule, prospect)
        if isinstance(plan, Reason):
            if plan is Reason.NO_BUDGET:
                # Nobody measures a store that is only passed to: one slow answer must not shut out for ever.
                self._store_seconds *= 1 - LEARN
            raise _Passed(Outcome.PASSED, plan)
        stand = self._evidence.stand(self._store, collection, plan, request.headers)
        return Intent(request, call, plan, reuse, stand, arrived, perf_counter() - started)

    async def _answer(self, intent: Intent) -> _Answer:
        """Ask the store for more than the app wants, and answer the best of it."""
        _, call, plan, reuse, stand, arrived, planning = intent
        if stand.passed is not None:
            raise _Passed(Outcome.PASSED, stand.passed)
        started = perf_counter() - planning
        widened = call.encode_request(plan.windows)
        sent = perf_counter()
        answer = await self._ask(call, widened, plan)
        if answer.status in REFUSALS:
            return await self._refused(intent, answer, started)
        received = perf_counter()
        self._store_seconds += LEARN * (received - sent - self._store_seconds)
        stages: tuple[float, ...] = (sent - started, received - sent)
        if answer.status != 200:
            verdict = Verdict(Outcome.PASSED, Reason.STORE_ERROR)
            return _Answer(answer, verdict, sent - started, received - sent, stand, stages)
        reply = self._read(call, answer)
        read = perf_counter()
        spent = (sent - started) + (read - received)
        # What the caller waits for is the store's time too; what midrank may add is its own.
        deadline = min(self._loop_time() + plan.budget - spent, arrived + plan.patience)
        ranked = await self._searches.rank(call, plan, reply, deadline, reuse)
        ordered = perf_counter()
        showings = self._evidence.show(stand, plan, ranked)
        response = reply.encode_response(
            [_page(*one, plan) for one in zip(ranked, showings, plan.searches, strict=True)]
        )
        verdict = worst(tuple(one.verdict for one in ranked))
        ended = perf_counter()
        added = (sent - started) + (ended - received)
        done = RankedCall(plan, reply, stand, added=added, store=received - sent)
        self._aftermath.tell(done, ranked, showings)
        stages += (read - received, ordered - read, ended - ordered)
        return _Answer(response, verdict, added, received - sent, stand.after(showings), stages)

    async def _decode(self, request: WireRequest) -> Call:
        try:
            call = self._codec.decode_request(request)
            if self._names.wants(call.collection):
                await self._names.find(request, call.collection)
                if not self._names.knows(call.collection):
                    # Its rule may say `off`: without the name, nobody can tell.
                    raise _Passed(Outcome.PASSED, Reason.UNKNOWN_COLLECTION)
                # The name decides which fields hold the text, so the request is read once more.
                call = self._codec.decode_request(request)
        except Undecodable as error:
            _log.info("request not understood", extra={"store": self._store, "why": str(error)})
            raise _Passed(Outcome.PASSED, Reason.UNDECODABLE_REQUEST) from error
        return call

    async def _ask(self, call: Call, request: WireRequest, plan: Plan | None = None) -> WireResponse:
        with self._spans.fetch(self._names.name(call.collection), plan) as span:
            try:
                answer = await self._fetch(
                    request._replace(headers=self._telemetry.carrying(request.headers))
                )
            except Unanswerable as error:
                failed(span, error.fault.error)
                raise
            except Oversized as error:
                failed(span, Reason.TOO_LARGE)
                # An app that asks for very much by itself is no reason to leave others alone.
                if plan is not None and plan.widens:
                    self._caution.learn(call.collection, None)
                raise _Passed(Outcome.PASSED, Reason.TOO_LARGE) from error
            except Undecodable as error:
                failed(span, Reason.UNDECODABLE_REPLY)
                raise self._not_understood(call, error) from error
            fetched(span, answer.status)
            return answer

    async def _refused(self, intent: Intent, refusal: WireResponse, started: float) -> _Answer:
        """Send the request as it came; if the store takes that, it was the widening that it refused."""
        again = perf_counter()  # all until here, the refused round trip too, was added by midrank
        call = intent.call
        original = await self._ask(call, intent.request)
        took = perf_counter() - again
        if original.status == 200:
            self._caution.learn(call.collection, call.row_limit(refusal))
            verdict = Verdict(Outcome.FALLBACK, Reason.REFUSED)
        else:
            verdict = Verdict(Outcome.PASSED, Reason.STORE_ERROR)
        added = again - started
        return _Answer(original, verdict, added, took, intent.stand, (added, took))

    def _read(self, call: Call, answer: WireResponse) -> Reply:
        try:
            return call.decode_response(answer)
        except Undecodable as error:
            raise self._not_understood(call, error) from error

    def _not_understood(self, call: Call, error: Undecodable) -> _Passed:
        """Return what ends the exchange, and see to it that the next search does not pay for it again."""
        _log.warning("answer not understood", extra={"store": self._store, "why": str(error)})
        self._caution.learn(call.collection, None)
        return _Passed(Outcome.FALLBACK, Reason.UNDECODABLE_REPLY)

    async def _look(self, call: Call, plan: Plan) -> Looked | None:
        """Ask for what a ranking behind an answer needs; None where the store does not give it."""
        try:
            started = perf_counter()
            widened = call.encode_request(plan.windows)
            sent = perf_counter()
            answer = await self._ask(call, widened, plan)
            received = perf_counter()
            if answer.status in REFUSALS:
                # The original was taken before.
                self._caution.learn(call.collection, call.row_limit(answer))
            if answer.status != 200:
                return None
            reply = self._read(call, answer)
        except (_Passed, Unanswerable):
            return None
        return Looked(reply, (sent - started) + (perf_counter() - received), received - sent)

    def _learners_of(self, collection: str) -> Sequence[Learner]:
        """Return the models that rerank the searches of a collection, and want to know its texts early."""
        rule = self._policy.rule(self._store, collection)
        if rule is None or rule.mode == "off":
            return ()
        return [self._learners[name] for name in rule.rerank if name in self._learners]


def _page(ranked: Ranked, showing: Showing, search: SearchPlan, plan: Plan) -> Ranking:
    replaced = ranked.scores is not None and plan.rule.scores == "replace"
    return Ranking(
        showing.order[search.page],
        ranked.scores[search.page] if replaced and ranked.scores is not None else None,
    )

"""One exchange, from the app's request to its answer.

    decode   the request, by the store's codec
    plan     rule, mode, query text and window, by the policy; the caller may only tighten it
    fetch    the widened request; one that the store refuses is sent again as it came
    rank     the candidates of every search, all inside one deadline
    encode   the page the app asked for

Wherever this ends early the answer is `Forward`: send the original on and stream the store's own answer back.
So whatever goes wrong in here, the app gets what it would have got without midrank, and a reason.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import SpanKind, StatusCode

from proxy import telemetry as names
from proxy.caution import Caution
from proxy.depths import Asked, Depths
from proxy.errors import Oversized, Unanswerable, Undecodable
from proxy.model import Forward, Outcome, Ranking, Reason, Verdict, worst
from proxy.outcome_headers import marked, outcome_headers
from proxy.plan import Plan, Prospect, make_plan, switched_off
from proxy.pulse import Pulse
from proxy.rank_span import describe
from proxy.scopes import Scopes
from proxy.scoring.ranker import Ranked
from proxy.tasks import Tasks
from proxy.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from proxy.codecs.base import Call, Codec, Reply
    from proxy.model import Candidate, WireRequest, WireResponse
    from proxy.names import CollectionNames
    from proxy.plan import SearchPlan
    from proxy.policy import Policy, Rule
    from proxy.policy_scoring import Scoring
    from proxy.scoring.base import Reach, Reuse
    from proxy.scoring.ranker import Ranker
    from proxy.scoring.warm_up import Learner
    from proxy.telemetry import Telemetry

# Statuses by which a store refuses what was changed (a limit, a field). Others are about the app's own call:
# repeating those would double the load of a store that asks for less (429, 503).
REFUSALS = frozenset((400, 422))

# What a search counts for in the store's usual time.
LEARN = 0.1

# Shadow rankings running at once for one store; more are shed.
MAX_SHADOWS = 1

_log = logging.getLogger(__name__)


class _Passed(Exception):
    """Ends an exchange early: the original request goes on."""

    def __init__(self, outcome: Outcome, reason: Reason) -> None:
        super().__init__(reason.value)
        self.verdict = Verdict(outcome, reason)


class _Answer(NamedTuple):
    """The store's answer as the app gets it, and the seconds that midrank and the store took for it."""

    response: WireResponse
    verdict: Verdict
    added: float
    store: float


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
        secret: bytes = b"",
    ) -> None:
        """Take the parts.

        `learners` are those of the models, by name, that want to know texts early; `pulse` says how late the
        event loop runs. With `secret` the scopes of cached scores are digested.
        """
        self._store = store
        self._policy = policy
        self._codec = codec
        self._names = names
        self._fetch = fetch
        self._rankers = rankers
        self._telemetry = telemetry
        self._learners = learners or {}
        self._pulse = pulse or Pulse()
        self._scopes = Scopes(store, policy.cache, secret)
        self._depths = Depths()
        self._writes = Writes(codec, names, self._learners_of, partial(telemetry.count_write, store))
        self._shadows = Tasks()
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
        with (
            self._telemetry.continued(request.headers),
            self._telemetry.span(
                names.EXCHANGE, SpanKind.SERVER, {names.STORE: self._store, names.SPAN_KIND: "CHAIN"}
            ) as span,
        ):
            answer: _Answer | None = None
            try:
                answer = await self._exchange(request)
                verdict = answer.verdict
            except _Passed as passed:
                verdict = passed.verdict
            except Unanswerable as error:
                span.set_attribute(names.ERROR_TYPE, error.fault.error)
                span.set_status(StatusCode.ERROR)
                self._telemetry.count(self._store, Verdict(Outcome.PASSED, Reason.STORE_ERROR), None)
                raise
            except Exception:  # noqa: BLE001 - a mistake of ours costs the app a reranking, never an answer
                _log.exception("exchange failed", extra={"store": self._store})
                verdict = Verdict(Outcome.FALLBACK, Reason.INTERNAL_ERROR)
            span.set_attributes(names.verdict_attributes(verdict))
            self._telemetry.count(self._store, verdict, answer and answer.added)
            if verdict.outcome is Outcome.FALLBACK:
                _log.warning("search fell back", extra={"store": self._store, "reason": verdict.reason})
        return (
            Forward(outcome_headers(verdict))
            if answer is None
            else marked(answer.response, answer.verdict, added=answer.added, store=answer.store)
        )

    def unread(self, reason: Reason) -> Forward:
        """Count a claimed request that the listener sends on unread."""
        verdict = Verdict(Outcome.PASSED, reason)
        self._telemetry.count(self._store, verdict, None)
        return Forward(outcome_headers(verdict))

    async def close(self) -> None:
        """Drop the rankings and questions that nobody waits for."""
        await self._shadows.close()
        await self._writes.close()
        await self._names.close()

    async def _exchange(self, request: WireRequest) -> _Answer:
        started = perf_counter()
        arrived = self._loop_time()
        if switched_off(request.headers):
            raise _Passed(Outcome.PASSED, Reason.MODE_OFF)
        call = await self._decode(request)
        rule = self._policy.rule(self._store, self._names.name(call.collection))
        reuse = self._scopes.of_call(rule, request, call)
        plan = make_plan(
            call.searches,
            request.headers,
            rule,
            Prospect(
                row_limit=self._caution.row_limit(call.collection),
                timeout=call.timeout,
                store_seconds=self._store_seconds,
                lag=self._pulse.lag,
                reach=self._reach,
                known=lambda place, query: self._known(call, query, reuse[place]),
            ),
        )
        if isinstance(plan, Reason):
            if plan is Reason.NO_BUDGET:
                # Nobody measures a store that is only passed to: one slow answer must not shut out for ever.
                self._store_seconds *= 1 - LEARN
            raise _Passed(Outcome.PASSED, plan)
        widened = call.encode_request(plan.windows)
        sent = perf_counter()
        answer = await self._ask(call, widened, plan)
        if answer.status in REFUSALS:
            return await self._refused(call, request, answer, started)
        received = perf_counter()
        self._store_seconds += LEARN * (received - sent - self._store_seconds)
        if answer.status != 200:
            verdict = Verdict(Outcome.PASSED, Reason.STORE_ERROR)
            return _Answer(answer, verdict, sent - started, received - sent)
        reply = self._read(call, answer)
        spent = (sent - started) + (perf_counter() - received)
        # What the caller waits for is the store's time too; what midrank may add is its own.
        deadline = min(self._loop_time() + plan.budget - spent, arrived + plan.patience)
        if plan.rule.mode == "shadow":
            ranked = self._shadow(plan, reply, deadline, reuse)
        else:
            ranked = await self._rank(plan, reply, deadline, reuse)
            self._note_depths(call, plan, reuse, ranked)
        response = reply.encode_response(
            [_page(one, search, plan) for one, search in zip(ranked, plan.searches, strict=True)]
        )
        verdict = worst(tuple(one.verdict for one in ranked))
        return _Answer(response, verdict, (sent - started) + (perf_counter() - received), received - sent)

    async def _decode(self, request: WireRequest) -> Call:
        with self._telemetry.span(names.DECODE):
            try:
                call = self._codec.decode_request(request)
                if not self._names.knows(call.collection):
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
        attributes = {
            names.DB_SYSTEM: self._codec.system,
            names.DB_OPERATION: "search",
            names.DB_COLLECTION: self._names.name(call.collection),
            names.SPAN_KIND: "RETRIEVER",
        }
        with self._telemetry.span(names.FETCH, SpanKind.CLIENT, attributes) as span:
            try:
                answer = await self._fetch(
                    request._replace(headers=self._telemetry.carrying(request.headers))
                )
            except Oversized as error:
                # An app that asks for very much by itself is no reason to leave others alone.
                if plan is not None and plan.widens:
                    self._caution.learn(call.collection, None)
                raise _Passed(Outcome.PASSED, Reason.TOO_LARGE) from error
            except Undecodable as error:
                raise self._not_understood(call, error) from error
            span.set_attribute(names.DB_STATUS, str(answer.status))
            return answer

    async def _refused(
        self, call: Call, request: WireRequest, refusal: WireResponse, started: float
    ) -> _Answer:
        """Send the request as it came; if the store takes that, it was the widening that it refused."""
        again = perf_counter()  # all until here, the refused round trip too, was added by midrank
        original = await self._ask(call, request)
        took = perf_counter() - again
        if original.status == 200:
            self._caution.learn(call.collection, call.row_limit(refusal))
            verdict = Verdict(Outcome.FALLBACK, Reason.REFUSED)
        else:
            verdict = Verdict(Outcome.PASSED, Reason.STORE_ERROR)
        return _Answer(original, verdict, again - started, took)

    def _read(self, call: Call, answer: WireResponse) -> Reply:
        with self._telemetry.span(names.DECODE):
            try:
                return call.decode_response(answer)
            except Undecodable as error:
                raise self._not_understood(call, error) from error

    def _not_understood(self, call: Call, error: Undecodable) -> _Passed:
        """Return what ends the exchange, and see to it that the next search does not pay for it again."""
        _log.warning("answer not understood", extra={"store": self._store, "why": str(error)})
        self._caution.learn(call.collection, None)
        return _Passed(Outcome.FALLBACK, Reason.UNDECODABLE_REPLY)

    async def _rank(
        self, plan: Plan, reply: Reply, deadline: float, reuse: Sequence[Reuse]
    ) -> Sequence[Ranked]:
        work = [
            self._rank_one(plan, search, candidates, deadline, one)
            for search, candidates, one in zip(plan.searches, reply.candidates, reuse, strict=True)
        ]
        # Nearly every call has one search, which needs no task of its own.
        return [await work[0]] if len(work) == 1 else await asyncio.gather(*work)

    async def _rank_one(
        self,
        plan: Plan,
        search: SearchPlan,
        candidates: Sequence[Candidate],
        deadline: float,
        reuse: Reuse,
    ) -> Ranked:
        if search.text is None or search.window is None:
            reason = search.reason or Reason.INTERNAL_ERROR
            return Ranked.store_order(len(candidates), Outcome.PASSED, reason)
        ranker = self._rankers[plan.rule.scoring]
        attributes = {
            names.SPAN_KIND: "RERANKER",
            names.RERANKER_MODEL: ranker.scorer_name,
            names.RERANKER_TOP_K: search.page.stop - search.page.start,
            names.SOURCE: search.text.source,
            names.WINDOW: search.depth,
            names.BUDGET_MS: plan.budget * 1000,
        }
        with self._telemetry.span(names.RANK, attributes=attributes) as span:
            ranked = await ranker.rank(
                search.text.text,
                candidates,
                window=search.depth,
                deadline=deadline,
                at_least=plan.rule.candidates.at_least,
                tenant=self._store,
                reuse=reuse,
                blend=plan.rule.blend,
            )
            # A store that has no more rows has given all that were wanted.
            if search.narrowed is not None and len(candidates) >= search.depth:
                ranked = ranked.out_of(search.wanted, search.narrowed)
            describe(span, ranked, candidates)
            return ranked

    def _note_depths(self, call: Call, plan: Plan, reuse: Sequence[Reuse], ranked: Sequence[Ranked]) -> None:
        for search, one, found in zip(plan.searches, reuse, ranked, strict=True):
            if search.text is not None and one.exact:
                asked = Asked(search.text.text, call.collection, one.scope)
                self._depths.note(asked, found.verdict.scored)

    def _learners_of(self, collection: str) -> Sequence[Learner]:
        """Return the models that rerank the searches of a collection, and want to know its texts early."""
        rule = self._policy.rule(self._store, collection)
        if rule is None or rule.mode == "off":
            return ()
        return [self._learners[name] for name in rule.rerank if name in self._learners]

    def _reach(self, rule: Rule, seconds: float) -> Reach:
        return self._rankers[rule.scoring].usual_reach(seconds)

    def _known(self, call: Call, query: str, reuse: Reuse) -> int:
        return self._depths.of(Asked(query, call.collection, reuse.scope)) if reuse.exact else 0

    def _shadow(self, plan: Plan, reply: Reply, deadline: float, reuse: Sequence[Reuse]) -> Sequence[Ranked]:
        """Answer the store's order now and rank behind it, for the spans alone."""
        if len(self._shadows) < MAX_SHADOWS:
            self._shadows.spawn(self._rank(plan, reply, deadline, reuse), "shadow ranking")
        return [
            Ranked.store_order(len(candidates), Outcome.PASSED, search.reason or Reason.SHADOW)
            for search, candidates in zip(plan.searches, reply.candidates, strict=True)
        ]


def _page(ranked: Ranked, search: SearchPlan, plan: Plan) -> Ranking:
    replaced = ranked.scores is not None and plan.rule.scores == "replace"
    return Ranking(
        ranked.order[search.page],
        ranked.scores[search.page] if replaced and ranked.scores is not None else None,
    )

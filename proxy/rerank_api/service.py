"""One request to the rerank API, from its bytes to the answer's.

    decode    by the dialect that it is in
    rank      by the scorers of the policy, inside the budget, like the candidates of a search
    encode    the best `top_n`; without scores the input's order, or an error, as the policy wants it

What needs no body has been answered before, see `gate.py`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import SpanKind, StatusCode

from proxy.deadlines import inherited
from proxy.model import Candidate, Outcome, Reason, Search
from proxy.outcome_headers import outcome_headers
from proxy.plan import RETURN_MARGIN, switched_off, wished_budget
from proxy.rank_span import RankSpans
from proxy.rerank_api.answers import answer, error, new_id
from proxy.rerank_api.base import Refused, Row, Told, understood
from proxy.rerank_api.scale import clipped, falling
from proxy.scoring.ranker import Ranked
from proxy.telemetry import names, verdict_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.trace import Span

    from proxy.model import Verdict, WireRequest, WireResponse
    from proxy.policy_rerank_api import RerankApi
    from proxy.pulse import Pulse
    from proxy.rerank_api.base import Asked, Dialect
    from proxy.rerank_api.scale import Scale
    from proxy.scopes import Scopes
    from proxy.scoring.ranker import Ranker
    from proxy.telemetry import Telemetry

# What stands for the API where searches name their store: in figures, spans and scopes.
NAME = "rerank_api"
# Bytes above which a body is read in a thread, so that other requests go on meanwhile.
_LARGE_BODY = 256 * 1024

_log = logging.getLogger(__name__)


class Nowhere(NamedTuple):
    """The place of documents that are in no store."""

    database: str = ""
    collection: str = ""


class RerankService:
    """Answers the requests to the rerank API; never raises."""

    def __init__(
        self,
        settings: RerankApi,
        ranker: Ranker,
        *,
        scales: Mapping[str, Scale],
        scopes: Scopes,
        telemetry: Telemetry,
        pulse: Pulse,
        text: bool = False,
    ) -> None:
        """Take the parts.

        `scales` are those of the scores, by the name of who gives them. With `text`, spans may hold texts.
        """
        self._settings = settings
        self._ranker = ranker
        self._scales = scales
        self._scopes = scopes
        self._telemetry = telemetry
        self._spans = RankSpans(telemetry, text=text)
        self._pulse = pulse

    async def run(self, dialects: Sequence[Dialect], request: WireRequest) -> WireResponse:
        """Answer a request in one of the dialects that share its path."""
        started = perf_counter()
        with (
            self._telemetry.continued(request.headers),
            self._telemetry.span(
                names.EXCHANGE, SpanKind.SERVER, {names.STORE: NAME, names.SPAN_KIND: "CHAIN"}
            ) as span,
        ):
            # Deadlines are event-loop times.
            arrived = asyncio.get_running_loop().time()
            dialect, asked = await self._understood(dialects, request.body)
            if isinstance(asked, Refused):
                span.set_attribute(names.ERROR_TYPE, "bad_request")
                return error(dialect, asked.status, str(asked))
            try:
                ranked = await self._ranked(asked, request, arrived)
            except Exception:  # noqa: BLE001 - a mistake of ours costs the caller a ranking, never an answer
                _log.exception("rerank request failed")
                ranked = Ranked.store_order(len(asked.texts), Outcome.FALLBACK, Reason.INTERNAL_ERROR)
            self._tell(span, ranked.verdict, perf_counter() - started)
            timing = ("server-timing", f"midrank;dur={(perf_counter() - started) * 1000:.2f}")
            return self._answer(dialect, asked, ranked, (*outcome_headers(ranked.verdict), timing))

    async def _understood(self, dialects: Sequence[Dialect], body: bytes) -> tuple[Dialect, Asked | Refused]:
        most = self._settings.max_documents
        if len(body) > _LARGE_BODY:
            return await asyncio.to_thread(understood, dialects, body, most)
        return understood(dialects, body, most)

    async def _ranked(self, asked: Asked, request: WireRequest, arrived: float) -> Ranked:
        count = len(asked.texts)
        if switched_off(request.headers):
            return Ranked.store_order(count, Outcome.PASSED, Reason.MODE_OFF)
        settings = self._settings
        seconds = self._seconds(request)
        candidates = [Candidate(str(place), text) for place, text in enumerate(asked.texts)]
        with self._spans.open(
            asked.query,
            model=self._ranker.scorer_name,
            top_k=asked.top_n or count,
            window=count,
            budget=seconds,
        ) as span:
            ranked = await self._ranker.rank(
                asked.query,
                candidates,
                window=count,
                deadline=arrived + seconds,
                at_least=settings.at_least,
                fewest=1,
                tenant=NAME,
                reuse=self._scopes.reuse(settings.cache, request, Nowhere(), Search(count)),
            )
            self._spans.describe(span, ranked, candidates)
            return ranked

    def _seconds(self, request: WireRequest) -> float:
        """Return how long the answer may take: what the policy gives, or the caller, if that is less."""
        patience = inherited(request.headers, None)
        most = math.inf if patience is None else patience - RETURN_MARGIN
        # It has waited for the event loop once, and will again.
        return min(wished_budget(request.headers, self._settings.budget_ms), most) - 2 * self._pulse.lag

    def _answer(
        self, dialect: Dialect, asked: Asked, ranked: Ranked, headers: tuple[tuple[str, str], ...]
    ) -> WireResponse:
        reason = ranked.verdict.reason
        fell_back = ranked.verdict.outcome is Outcome.FALLBACK and reason is not None
        if fell_back and self._settings.on_trouble == "error":
            return error(dialect, 503, f"not ranked: {reason}", *headers)
        places = ranked.order[: asked.top_n]
        rows = [Row(place, score) for place, score in zip(places, self._scores(asked, ranked), strict=False)]
        told = Told(new_id(), ranked.scorer or self._ranker.scorer_name, rows)
        return answer(200, dialect.encode(asked, told), *headers)

    def _scores(self, asked: Asked, ranked: Ranked) -> Iterable[float]:
        """Return the scores of the rows, best first; 0 for all where none have been scored."""
        if ranked.scores is None:
            return (0.0,) * len(ranked.order)
        scale = self._scales.get(ranked.scorer or "", clipped)
        if asked.raw_scores:
            return falling(ranked.scores)
        return falling(scale(score, len(asked.texts)) for score in ranked.scores)

    def _tell(self, span: Span, verdict: Verdict, seconds: float) -> None:
        span.set_attributes(verdict_attributes(verdict))
        self._telemetry.measures.search(NAME, verdict, added=seconds)
        if verdict.outcome is Outcome.FALLBACK:
            _log.warning("rerank request fell back", extra={"reason": verdict.reason})
            if self._settings.on_trouble == "error":
                span.set_status(StatusCode.ERROR)

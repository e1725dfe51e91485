"""The semantic cache: a query asked in other words is scored as the one that was asked before.

Only queries are remembered here, each with its vector, the search's own. On a hit the job is scored as the
earlier query, of which the exact cache inside knows the scores; texts that it does not know are scored as the
earlier query too, so that all scores of a ranking answer one question.

Nearness alone is no proof: guards look at the words before a query stands in for another, and a share of the
hits is scored again afterwards, as asked. Where too many of these disagree, the threshold rises by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Protocol

import numpy as np

from proxy.model import Reason
from proxy.scoring.base import StandIn, Whereabouts
from proxy.scoring.checked import checked_scores
from proxy.scoring.hit_audit import FalseHits, agreement
from proxy.scoring.near_guards import features, refusal
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from proxy.scoring.base import Reach, ScoreJob, Scores
    from proxy.scoring.near_queries import Near
    from proxy.scoring.score_cache import ScoreCache

# Near queries that are looked at before the search counts as new.
_NEIGHBOURS = 4
# Seconds that an audit may take: urgent work goes before it.
_AUDIT_SECONDS = 10.0
# Sets scopes apart whose vectors are the embedder's.
_OWN = b"own vectors"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NearRules:
    """When a query may stand in for another.

    `threshold` is the least cosine of the two, `min_coverage` the share of the texts whose scores must be
    known where there is no time for the others. Of the hits, `audit` are scored again; with more than
    `max_false_hit_rate` of them false, the threshold rises.
    """

    threshold: float = 0.95
    min_coverage: float = 0.8
    audit: float = 0.02
    max_false_hit_rate: float = 0.01


class Queries(Protocol):
    """The queries that were asked before."""

    def add(self, scope: bytes, vector: NDArray[np.float32], query: str) -> bool:
        """Remember a query."""
        ...

    def nearest(self, scope: bytes, vector: NDArray[np.float32], threshold: float, k: int) -> Sequence[Near]:
        """Return the nearest `k` of the scope, best first, none of a lower cosine than `threshold`."""
        ...


class Embedder(Protocol):
    """Makes a vector of a query that came without."""

    async def embed(self, text: str, deadline: float) -> NDArray[np.float32] | None:
        """Return it, or None if there is none by the deadline."""
        ...


class SemanticCache:
    """A tier: a model, its exact cache, and the queries near which others need not be scored."""

    def __init__(
        self, inner: ScoreCache, queries: Queries, rules: NearRules, *, embedder: Embedder | None = None
    ) -> None:
        self._inner = inner
        self._queries = queries
        self._rules = rules
        self._embedder = embedder
        self._false_hits = FalseHits(rules.threshold, rules.max_false_hit_rate)
        self._audits = Tasks()
        self._random = Random()  # noqa: S311 - which hits are audited is no secret
        self._refused = 0
        self._uncovered = 0

    @property
    def name(self) -> str:
        """The model's name."""
        return self._inner.name

    @property
    def identity(self) -> str:
        """The model's."""
        return self._inner.identity

    @property
    def pointwise(self) -> bool:
        """As the model is."""
        return self._inner.pointwise

    @property
    def ready(self) -> bool:
        """As the model is."""
        return self._inner.ready

    async def start(self) -> None:
        """Do nothing: the model is started by its owner."""

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        """Return the job with the scores that are known: its own, or as an earlier query's job."""
        own = await self._inner.look_up(job)
        if job.known is not None or own.known is None or not own.known.missing:
            return own
        hits = own.known.hits
        own = await self._with_vector(own)
        if own.reuse.near is None or own.reuse.near.vector is None:
            return own
        scope = self._scope(own.reuse.near)
        for near in self._queries.nearest(
            scope, own.reuse.near.vector, self._false_hits.threshold, _NEIGHBOURS
        ):
            if refusal(features(own.query), features(near.query)) is not None:
                self._refused += 1
                continue
            other = await self._inner.look_up(replace(own, query=near.query, known=None))
            if self._is_worth_it(other, hits):
                assert other.known is not None
                stand_in = StandIn(own.query, near.similarity)
                return replace(other, known=other.known._replace(stand_in=stand_in))
            self._uncovered += 1
        return own

    def reach(self, job: ScoreJob) -> int:
        """As far as the exact cache reaches, which knows what the job is scored as."""
        return self._inner.reach(job)

    def usual_reach(self, seconds: float) -> Reach:
        """As far as the exact cache usually reaches."""
        return self._inner.usual_reach(seconds)

    def figures(self) -> Mapping[str, float]:
        """Return the figures of the hits, not those of the exact cache inside."""
        return {
            "near_refused": self._refused,
            "near_uncovered": self._uncovered,
            "near_audited": self._false_hits.audited,
            "near_false": self._false_hits.false,
            "near_false_hit_rate": self._false_hits.rate,
            "near_threshold": self._false_hits.threshold,
        }

    async def score(self, job: ScoreJob) -> Scores:
        """Return what is known, and what the model can add before the deadline.

        Raises:
            Unscored: too little is known to do without the model, and it had nothing to say.
        """
        job = await self.look_up(job)
        scores = await self._inner.score(job)
        if job.known is None or job.reuse.near is None:
            return scores
        if job.known.stand_in is not None:
            self._audit(job, job.known.stand_in, scores)
        elif not scores.cached and not scores.abridged and not np.isnan(scores.values).any():
            self._remember(job.reuse.near, job.query)
        return scores

    async def close(self) -> None:
        """Give up on the audits."""
        await self._audits.close()

    async def _with_vector(self, job: ScoreJob) -> ScoreJob:
        near = job.reuse.near
        if near is None or near.vector is not None or self._embedder is None:
            return job
        vector = await self._embedder.embed(job.query, job.deadline)
        # Vectors of two models must never meet, even if they are as long.
        near = Whereabouts(hashlib.blake2b(near.scope, digest_size=16, person=_OWN).digest(), vector)
        return replace(job, reuse=job.reuse._replace(near=near))

    def _is_worth_it(self, other: ScoreJob, own_hits: int) -> bool:
        """Say whether enough is known about the job as another query, or can be added in time."""
        assert other.known is not None
        hits, texts = other.known.hits, len(other.texts)
        if hits <= own_hits:
            return False
        return hits >= self._rules.min_coverage * texts or self._inner.reach(other) >= texts

    def _remember(self, asked: Whereabouts, query: str) -> None:
        if asked.vector is not None:
            self._queries.add(self._scope(asked), asked.vector, query)

    def _scope(self, asked: Whereabouts) -> bytes:
        """Return the digest of the scope and of the model: another's scores are not known."""
        return hashlib.blake2b(asked.scope + self.identity.encode(), digest_size=16).digest()

    def _audit(self, job: ScoreJob, stand_in: StandIn, scores: Scores) -> None:
        """Score some of the hits again as they were asked, one at a time, when the answer has left."""
        if self._random.random() >= self._rules.audit or len(self._audits):
            return
        deadline = asyncio.get_running_loop().time() + _AUDIT_SECONDS
        # Nothing stands in for it this time; what is found out is kept as the query's own.
        reuse = job.reuse._replace(near=None)
        again = replace(job, query=stand_in.asked, deadline=deadline, at_least=1, reuse=reuse, known=None)
        self._audits.spawn(self._compare(again, scores), f"audit:{self.name}")

    async def _compare(self, job: ScoreJob, reused: Scores) -> None:
        own = await checked_scores(self._inner, job)
        if isinstance(own, Reason):
            return
        agreed = agreement(reused.values, own.values)
        if agreed is not None and self._false_hits.record(agreed):
            _log.warning(
                "too many false hits: near queries must be nearer",
                extra={
                    "model": self.name,
                    "threshold": self._false_hits.threshold,
                    "as_good_as_off": self._false_hits.off,
                },
            )

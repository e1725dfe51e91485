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
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Protocol

import numpy as np

from proxy.model import Reason
from proxy.scoring.base import StandIn, Whereabouts
from proxy.scoring.checked import checked_scores
from proxy.scoring.hit_audit import FEWEST, FalseHits, agreement
from proxy.scoring.layer import Layer
from proxy.scoring.near_guards import ALL, Guard, features, refusal
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
# Of the time that is left, what the embedding of a query may take.
_EMBEDDING = 0.2
# Sets scopes apart whose vectors are the embedder's.
_OWN = b"own vectors"

_log = logging.getLogger(__name__)

# A query is compared with several, and an earlier one again and again.
_features = lru_cache(1024)(features)


@dataclass(frozen=True, slots=True)
class NearRules:
    """When a query may stand in for another.

    `threshold` is the least cosine of the two, `min_coverage` the share of the texts whose scores must be
    known. Of the hits, `audit` are scored again; with more than `max_false_hit_rate` of them false, the
    threshold rises.
    """

    threshold: float = 0.95
    min_coverage: float = 0.8
    guards: frozenset[Guard] = ALL
    audit: float = 0.02
    max_false_hit_rate: float = 0.01


class Queries(Protocol):
    """The queries that were asked before."""

    def knows(self, scope: bytes, query: str) -> bool:
        """Say whether a query is remembered."""
        ...

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


class SemanticCache(Layer["ScoreCache"]):
    """A tier: a model, its exact cache, and the queries near which others need not be scored."""

    def __init__(
        self, inner: ScoreCache, queries: Queries, rules: NearRules, *, embedder: Embedder | None = None
    ) -> None:
        super().__init__(inner)
        self._queries = queries
        self._rules = rules
        self._embedder = embedder
        self._false_hits = FalseHits(rules.threshold, rules.max_false_hit_rate)
        self._audits = Tasks()
        self._random = Random()  # noqa: S311 - which hits are audited is no secret
        self._refused: Counter[Guard] = Counter()
        self._uncovered = 0

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        """Return the job with the scores that are known: its own, or as an earlier query's job."""
        own = await self._scorer.look_up(job)
        if job.known is not None or own.known is None or not own.known.missing:
            return own
        try:
            return await self._as_earlier_query(own, own.known.hits)
        except Exception:  # noqa: BLE001 - a query that can't be compared is scored as asked
            _log.exception("near queries can't be looked up", extra={"model": self.name})
            return own

    def reach(self, job: ScoreJob) -> int:
        """As far as the exact cache reaches, which knows what the job is scored as."""
        return self._scorer.reach(job)

    def usual_reach(self, seconds: float) -> Reach:
        """As far as the exact cache usually reaches."""
        return self._scorer.usual_reach(seconds)

    def figures(self) -> Mapping[str, float]:
        """Return the figures of the hits, not those of the exact cache inside."""
        return {
            **{f"near_refused_{guard}": self._refused[guard] for guard in Guard},
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
        scores = await self._scorer.score(job)
        if job.known is None or job.reuse.near is None:
            return scores
        if scores.abridged or np.isnan(scores.values).any():
            return scores
        if job.known.stand_in is None:
            self._remember(job.reuse.near, job.query)
        elif len(scores.values) >= FEWEST:
            self._audit(job, job.known.stand_in, scores)
        return scores

    async def close(self) -> None:
        """Give up on the audits."""
        await self._audits.close()

    async def _as_earlier_query(self, own: ScoreJob, own_hits: int) -> ScoreJob:
        """Return the job as that of the nearest query that may stand in for its own, or as it is."""
        own = await self._with_vector(own)
        where = own.reuse.near
        if where is None or where.vector is None:
            return own
        near: list[Near] = []
        threshold = self._false_hits.threshold
        for one in self._queries.nearest(self._scope(where), where.vector, threshold, _NEIGHBOURS):
            if one.query == own.query:
                continue
            guard = refusal(_features(own.query), _features(one.query), self._rules.guards)
            if guard is None:
                near.append(one)
            else:
                self._refused[guard] += 1
        # All at once: one after the other they would add up, should the cache be far away.
        jobs = await asyncio.gather(*(self._scorer.look_up_as(one.query, own) for one in near))
        for one, other in zip(near, jobs, strict=True):
            assert other.known is not None
            if self._is_worth_it(own, own_hits, other, other.known.hits):
                return replace(other, known=other.known._replace(stand_in=StandIn(own.query, one.similarity)))
            self._uncovered += 1
        return own

    async def _with_vector(self, job: ScoreJob) -> ScoreJob:
        near = job.reuse.near
        if near is None or near.vector is not None or self._embedder is None:
            return job
        now = asyncio.get_running_loop().time()
        vector = await self._embedder.embed(job.query, now + (job.deadline - now) * _EMBEDDING)
        # Vectors of two models must never meet, even if they are as long.
        near = Whereabouts(hashlib.blake2b(near.scope, digest_size=16, person=_OWN).digest(), vector)
        return replace(job, reuse=job.reuse._replace(near=near))

    def _is_worth_it(self, own: ScoreJob, own_hits: int, other: ScoreJob, hits: int) -> bool:
        """Say whether enough more is known about the job as another query's.

        With little known, most would be scored anew, and then rather as asked; unless there is time to make
        the one complete, and not the other.
        """
        texts = len(own.texts)
        if hits <= own_hits:
            return False
        if hits >= self._rules.min_coverage * texts:
            return True
        return self._scorer.reach(own) < texts <= self._scorer.reach(other)

    def _remember(self, asked: Whereabouts, query: str) -> None:
        scope = self._scope(asked)
        if asked.vector is not None and not self._queries.knows(scope, query):
            self._queries.add(scope, asked.vector, query)

    def _scope(self, asked: Whereabouts) -> bytes:
        """Return the digest of the scope and of the model: another's scores are not known."""
        return hashlib.blake2b(asked.scope + self.identity.encode(), digest_size=16).digest()

    def _audit(self, job: ScoreJob, stand_in: StandIn, scores: Scores) -> None:
        """Score some of the hits again as they were asked, one at a time, beside what is urgent."""
        if self._random.random() >= self._rules.audit or len(self._audits):
            return
        deadline = asyncio.get_running_loop().time() + _AUDIT_SECONDS
        # Nothing stands in for it this time; what is found out is kept as the query's own.
        reuse = job.reuse._replace(near=None)
        again = replace(
            job, query=stand_in.asked, deadline=deadline, at_least=1, reuse=reuse, known=None, audit=True
        )
        self._audits.spawn(self._compare(again, scores), f"audit:{self.name}")

    async def _compare(self, job: ScoreJob, reused: Scores) -> None:
        own = await checked_scores(self._scorer, job)
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

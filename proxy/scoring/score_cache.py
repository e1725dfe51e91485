"""The exact cache: what a model has said about a query and a text need not be asked of it again.

Scores are kept, never replies: the store is always asked, so permissions, filters and deletions stay its job,
and a hit can only order what this caller has just been given. Only texts without a known score go on to the
model, and two searches that want the same score at once share one run of it.
"""

from __future__ import annotations

import asyncio
import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from proxy.cache.base import SHARED
from proxy.errors import Unscored
from proxy.scoring.base import Known, Scores
from proxy.scoring.flights import Flights
from proxy.scoring.layer import Layer
from proxy.scoring.score_keys import ScoreKeys, normalised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from proxy.cache.base import Cache
    from proxy.scoring.base import ModelScorer, Reach, ScoreJob

# Of the time that is left, what a look-up may take: a Redis that is slow, yet in time for itself, may cost a
# search some depth, not all of it.
_SHARE = 0.1
_FLOAT = struct.Struct("<f")
_UNKNOWN = _FLOAT.pack(float("nan"))


class ScoreCache(Layer["ModelScorer"]):
    """A tier: a model and what it has said before. Of a listwise model it knows whole lists only."""

    def __init__(self, scorer: ModelScorer, cache: Cache, *, ttl: float, secret: bytes = b"") -> None:
        """Take a model and a place for its scores, each of which is kept for `ttl` seconds."""
        super().__init__(scorer)
        self._cache = cache
        self._ttl = ttl
        self._secret = secret
        self._keys: ScoreKeys | None = None
        self._flights = Flights(scorer, self._keep)
        self._counts = dict.fromkeys(
            (
                "cache_hits",
                "cache_partial_hits",
                "cache_near_hits",
                "cache_misses",
                "cache_asked",
                "cache_known",
            ),
            0,
        )

    async def look_up(self, job: ScoreJob) -> ScoreJob:
        """Return the job with the scores that are known, and its query normalised."""
        if job.known is not None or not job.reuse.exact or not self._scorer.identity:
            return job
        # Its identity is known once the model is, and stays.
        if self._keys is None:
            self._keys = ScoreKeys(self._scorer.identity, self._secret)
        return await self._known(job, normalised(job.query), self._keys.texts(map(self.readable, job.texts)))

    async def look_up_as(self, query: str, job: ScoreJob) -> ScoreJob:
        """Return a job that was looked up as that of another query, normalised, with what that knows."""
        assert job.known is not None, "looked up first"
        return await self._known(job, query, [key[SHARED:] for key in job.known.keys])

    def reach(self, job: ScoreJob) -> int:
        """Add what is known to what the model reaches of the rest."""
        if job.known is None:
            return self._scorer.reach(job)
        rest = _rest(job, job.known)
        return job.known.hits + (self._scorer.reach(rest) if rest.texts else 0)

    def usual_reach(self, seconds: float) -> Reach:
        """As far as the model usually reaches: what is known, only the store's answer will tell."""
        return self._scorer.usual_reach(seconds)

    def figures(self) -> Mapping[str, float]:
        """Return the model's figures, and how often it was not needed."""
        return {**self._scorer.figures(), **self._counts, "cache_shared": self._flights.shared}

    async def score(self, job: ScoreJob) -> Scores:
        """Return what is known, and what the model can add before the deadline.

        Raises:
            Unscored: too little is known to do without the model, and it had nothing to say.
        """
        job = await self.look_up(job)
        known = job.known
        if known is None:
            return await self._scorer.score(job)
        if not job.audit:
            self._count(known)
        cosine = known.stand_in.cosine if known.stand_in is not None else None
        if not known.missing:
            return Scores(known.values, self.name, cached=True, known=known.hits, near=cosine)
        keys = [known.keys[place] for place in known.missing]
        gathered = await self._flights.gather(_rest(job, known), keys)
        # After a failure another tier may do better; for want of time none would.
        if known.hits + len(gathered.scores) < (job.at_least if gathered.failed else 1):
            raise Unscored(gathered.missing)
        values = known.values.copy()
        values[list(known.missing)] = [gathered.scores.get(key, np.nan) for key in keys]
        return Scores(
            values,
            self.name,
            missing=gathered.missing,
            abridged=gathered.abridged,
            known=known.hits,
            near=cosine,
        )

    async def close(self) -> None:
        """Give up on what is being scored; the model is closed by its owner."""
        await self._flights.close()

    async def _known(self, job: ScoreJob, query: str, texts: Sequence[bytes]) -> ScoreJob:
        assert self._keys is not None, "made when the job was looked up"
        derive = self._keys.pairs if self._scorer.pointwise else self._keys.members
        keys = derive(query, texts, job.reuse.scope)
        values = _unpacked(await self._read(keys, job.deadline))
        unknown = np.isnan(values)
        if not self._scorer.pointwise and unknown.any():
            values[:] = np.nan
            unknown[:] = True
        missing = tuple(np.flatnonzero(unknown).tolist())
        return replace(job, query=query, known=Known(values, keys, missing))

    async def _read(self, keys: Sequence[bytes], deadline: float) -> list[bytes | None]:
        """Return what the cache knows, or nothing if it takes too much of the time there is."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(now + (deadline - now) * _SHARE if deadline < math.inf else None):
                return await self._cache.get_many(keys)
        except TimeoutError:
            return [None] * len(keys)

    def _keep(self, scores: Mapping[bytes, float]) -> None:
        self._cache.put_many({key: _FLOAT.pack(score) for key, score in scores.items()}, self._ttl)

    def _count(self, known: Known) -> None:
        self._counts["cache_asked"] += len(known.keys)
        self._counts["cache_known"] += known.hits
        if known.stand_in is not None:
            self._counts["cache_near_hits"] += 1
        elif not known.missing:
            self._counts["cache_hits"] += 1
        elif known.hits:
            self._counts["cache_partial_hits"] += 1
        else:
            self._counts["cache_misses"] += 1


def _rest(job: ScoreJob, known: Known) -> ScoreJob:
    """Return the job of scoring what is not known."""
    return replace(
        job,
        texts=tuple(job.texts[place] for place in known.missing),
        at_least=max(1, job.at_least - known.hits),
        known=None,
    )


def _unpacked(found: list[bytes | None]) -> NDArray[np.float32]:
    """Return the scores in what a cache gave; whatever is none is unknown."""
    packed = (one if one is not None and len(one) == _FLOAT.size else _UNKNOWN for one in found)
    values = np.frombuffer(b"".join(packed), "<f4").astype(np.float32)
    values[np.isinf(values)] = np.nan
    return values

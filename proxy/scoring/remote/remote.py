"""A reranker behind an HTTP API: its scores are as good as its answers, and as late."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.base import Reach, Scores
from proxy.scoring.remote.asking import LINGER, Asking
from proxy.scoring.remote.http import RemoteFailed
from proxy.scoring.remote.places import Places
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from proxy.scoring.base import ScoreJob
    from proxy.scoring.remote.api_key import ApiKey
    from proxy.scoring.remote.asking import Api
    from proxy.scoring.remote.http import RemoteHttp

# Of English four bytes of UTF-8 make a token, of Chinese about as many.
_BYTES_PER_TOKEN = 4
# Several APIs refuse a request in which one text is empty.
_NOTHING = "."
# To be raised when the scores of an answer come to be read in another way.
_READING = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is sent: `max_batch` texts a call, about `max_tokens` of each, `concurrency` calls at once."""

    max_batch: int
    max_tokens: int = 512
    concurrency: int = 8


class Remote:
    """A scorer. It is ready once it can ask; whether the API is there, the first search will tell.

    A probe at the start would cost money, and say nothing about the moment in which it is asked.
    """

    def __init__(
        self,
        api: Api,
        http: RemoteHttp,
        key: ApiKey,
        *,
        name: str,
        limits: Limits,
        pointwise: bool = True,
        linger: float = LINGER,
    ) -> None:
        """Take who is asked, by which client and with which key, and how much at a time.

        Args:
            api: the endpoints.
            http: started and closed with the scorer.
            key: what opens the API.
            name: the scorer's.
            limits: what bounds the calls.
            pointwise: whether the model scores each text by itself.
            linger: seconds after its deadline that a call may still end.
        """
        self.name = name
        self.pointwise = pointwise
        # Of the model there is nothing but its name: that its owner has put another one in its place is not
        # known before the scores that are kept have expired.
        self.identity = "|".join(
            ("remote", str(_READING), api.dialect.name, api.model, str(limits.max_tokens), *sorted(api.urls))
        )
        self.ready = False
        self._http = http
        self._key = key
        self._limits = limits
        self._linger = linger
        self._places = Places(limits.concurrency)
        self._parts = Tasks()
        self._asking = Asking(
            api,
            http,
            key,
            name=name,
            clock=time.monotonic,
            room=lambda: not self._places.taken,
            linger=linger,
        )

    async def start(self) -> None:
        """Read certificates and key; nothing is asked.

        Raises:
            BadConfig: a file of them is not what it should be.
        """
        await self._key.start()
        await self._http.start()
        self.ready = True

    def readable(self, text: str) -> str:
        """Return what is sent of a text: its start, well-formed."""
        size = self._limits.max_tokens * _BYTES_PER_TOKEN
        start = text[:size]
        if start.isascii():
            return start
        return start.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")

    def reach(self, job: ScoreJob) -> int:
        """Predict how many of the job's texts are scored in time: all, unless the API is too slow or busy."""
        if self._asking.endpoints.rest:
            return 0
        return int(min(self._most_of(job), self._texts_in(job.deadline - _time())))

    def usual_reach(self, seconds: float) -> Reach:
        """Predict how many texts are scored in so many seconds; `inf` while nobody knows."""
        if self._asking.endpoints.rest:
            return Reach(0.0, Reason.RATE_LIMITED)
        return Reach(self._texts_in(seconds), self._why_not())

    def figures(self) -> Mapping[str, float]:
        """Return what the calls came to."""
        return {f"remote_{name}": value for name, value in self._asking.figures().items()}

    async def score(self, job: ScoreJob) -> Scores:
        """Score all texts, in as many calls as it takes; those that are not answered in time are missing.

        Scores of two lists can not be compared: a model that reads the whole list gets one call, and texts
        that have no room in it are missing as `too_long`.

        Raises:
            Unscored: there are no scores, and why not of the first texts.
        """
        if self._asking.endpoints.rest:
            raise Unscored(Reason.RATE_LIMITED, self._asking.endpoints.named_rest)
        left = job.deadline - _time()
        if left <= 0:
            raise Unscored(Reason.LATE)
        if self._places.taken and not self._texts_in(left):
            raise Unscored(self._why_not())
        parts = [_Part(places) for places in split(self._most_of(job), self._limits.max_batch)]
        tasks = [self._parts.spawn(self._fill(part, job), f"part:{self.name}") for part in parts]
        try:
            await asyncio.wait(tasks, timeout=left if left < math.inf else None)
        except asyncio.CancelledError:
            for task in tasks:
                asyncio.get_running_loop().call_later(self._linger, task.cancel)
            raise
        finally:
            for part, task in zip(parts, tasks, strict=True):
                # What has been sent is let go on for a moment: see `asking`.
                if not part.begun:
                    task.cancel()
        return self._merged(parts, len(job.texts))

    async def close(self) -> None:
        """Break off what is under way, and close the connections."""
        self.ready = False
        await self._parts.close()
        await self._asking.close()
        await self._http.close()

    async def _fill(self, part: _Part, job: ScoreJob) -> None:
        """Get the scores of a part, or the reason why it has none."""
        if not await self._places.taken_before(job.deadline):
            return
        part.begun = True
        part.reason = Reason.LATE
        with self._places.held(job.deadline):
            texts = [self.readable(text) for text in job.texts[part.places]]
            try:
                part.values = await self._asking.scores(
                    _something(self.readable(job.query)), [_something(text) for text in texts], job.deadline
                )
            except RemoteFailed as failed:
                part.reason = failed.reason
                return
        if job.found is not None and self.pointwise:
            for place, score in enumerate(part.values.tolist(), part.places.start):
                job.found(place, score)

    def _merged(self, parts: Sequence[_Part], count: int) -> Scores:
        values = np.full(count, np.nan, np.float32)
        for part in parts:
            if part.values is not None:
                values[part.places] = part.values
        missing = [part.reason for part in parts if part.values is None]
        if len(missing) == len(parts):
            raise Unscored(missing[0], self._asking.endpoints.named_rest)
        return Scores(values, self.name, missing=missing[0] if missing else Reason.TOO_LONG)

    def _most_of(self, job: ScoreJob) -> int:
        """Return how many of the job's texts may be scored together."""
        return len(job.texts) if self.pointwise else min(len(job.texts), self._limits.max_batch)

    def _texts_in(self, seconds: float) -> float:
        """Return how many texts are usually answered in so many seconds: nine of ten calls are."""
        usual = self._asking.latency.quantile(0.9)
        if not usual or seconds == math.inf:
            return math.inf
        places = self._limits.concurrency
        rounds = math.floor(seconds / usual - self._places.waiting / places)
        return max(0, rounds) * places * self._limits.max_batch

    def _why_not(self) -> Reason:
        """Say why not all texts would be scored: for the API, or for what else is asked of it."""
        return Reason.OVERLOADED if self._places.waiting else Reason.LATE


@dataclass(eq=False, slots=True)
class _Part:
    """Some texts of a job, as many as fit into one call, and what has become of them so far."""

    places: slice
    begun: bool = False
    values: NDArray[np.float32] | None = None
    reason: Reason = Reason.OVERLOADED


def split(count: int, most: int) -> list[slice]:
    """Return the places of `count` things in as few parts as possible, of at most so many, about equally."""
    parts = -(-count // most)
    ends = [count * part // parts for part in range(parts + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def _something(text: str) -> str:
    return text if text.strip() else _NOTHING


def _time() -> float:
    return asyncio.get_running_loop().time()

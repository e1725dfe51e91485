"""One call of a rerank API: which endpoint is asked, whether once more, and what its answer means.

A call is repeated only before the deadline, only where that may end otherwise, and only out of an allowance.
But what is under way at the deadline is let go on for a moment: a call that is broken off costs its
connection, and one that needs a new one each time would never be in time. What comes late is still a score
to keep, which has been paid for, and tells how long the API really takes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from proxy.model import Reason
from proxy.scoring.remote.allowance import Allowance
from proxy.scoring.remote.answers import BadAnswer
from proxy.scoring.remote.endpoints import Endpoints
from proxy.scoring.remote.http import RemoteFailed
from proxy.scoring.remote.latency import Latency
from proxy.scoring.remote.retry_after import seconds_to_wait
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from proxy.scoring.remote.api_key import ApiKey
    from proxy.scoring.remote.dialects.base import Dialect
    from proxy.scoring.remote.endpoints import Endpoint
    from proxy.scoring.remote.http import RemoteHttp, Reply

# Seconds after its deadline that a call may still end.
LINGER = 2.0
# Times that one request is sent at most.
_TIMES = 3
# The longest pause in seconds before the same endpoint is asked again: those who failed together come apart.
_PAUSE = 0.02
# Calls that must be known before what is unusually long can be told.
_ENOUGH = 20
# Seconds before the same failure is logged again.
_AGAIN = 60.0
_JSON = {"Content-Type": "application/json"}
# What the request has wrong, and not the endpoint.
_NOT_ITS_FAULT = frozenset((Reason.REMOTE_REFUSED, Reason.WARMING))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Api:
    """What is asked, and how much more than once: shares of all calls; a `hedge_share` of 0 is none.

    `urls` are whole ones. All of them have the same model.
    """

    dialect: Dialect
    urls: tuple[str, ...]
    model: str = ""
    retry_share: float = 0.1
    hedge_share: float = 0.0


class _Call(NamedTuple):
    """A request. Nothing is begun for it after its `deadline`, and all has ended by `until`."""

    body: bytes
    texts: int
    deadline: float
    until: float


class _Answered(RemoteFailed):
    """An answer without scores, and a word about it that is no quotation."""

    def __init__(self, reason: Reason, status: int, word: str, **more: Any) -> None:
        super().__init__(reason, **more)
        self.status = status
        self.word = word


class Asking:
    """Asks an API. `room` says whether a call that is not counted may be made beside the others."""

    def __init__(
        self,
        api: Api,
        http: RemoteHttp,
        key: ApiKey,
        *,
        name: str,
        clock: Callable[[], float],
        room: Callable[[], bool],
        linger: float = LINGER,
    ) -> None:
        self._api = api
        self._http = http
        self._key = key
        self._name = name
        self._clock = clock
        self._room = room
        self._linger = linger
        self.endpoints = Endpoints(api.urls, clock)
        self.latency = Latency(clock)
        self._retries = Allowance(api.retry_share)
        self._hedges = Allowance(api.hedge_share)
        self._tasks = Tasks()
        self._probes = Tasks()
        self._told: dict[tuple[Reason, int, str], float] = {}
        self._counts = {"calls": 0, "failed": 0, "rate_limited": 0, "bad_answers": 0}

    async def scores(self, query: str, texts: Sequence[str], deadline: float) -> NDArray[np.float32]:
        """Return the scores of texts without lone surrogates, shape (n,), in their order.

        It may take longer than until `deadline`, an event-loop time, but only for what is under way by then.

        Raises:
            RemoteFailed: there are none, and why.
        """
        if _time() >= deadline:
            raise RemoteFailed(Reason.LATE)
        body = self._api.dialect.encode(query, texts, self._api.model)
        call = _Call(body, len(texts), deadline, deadline + self._linger)
        self._counts["calls"] += 1
        self._retries.earn()
        self._hedges.earn()
        if not self._probes and (back := self.endpoints.to_probe()) is not None:
            self._probes.spawn(self._once(back, call, copy=True), f"probe:{self._name}")
        tried: list[Endpoint] = []
        while True:
            outcome = await self._hedged(call, tried)
            if not isinstance(outcome, RemoteFailed):
                return outcome
            if not (
                self._may_end_otherwise(outcome, tried)
                and self._is_in_time(deadline)
                and self._retries.spend()
            ):
                raise outcome
            if len(self.endpoints) == 1:
                await asyncio.sleep(random.random() * _PAUSE)  # noqa: S311 - no secret

    def figures(self) -> Mapping[str, float]:
        """Return what there is to tell, by name."""
        return {
            **self._counts,
            "retries": self._retries.spent,
            "hedges": self._hedges.spent,
            "ejected": self.endpoints.ejected,
            "seconds_p50": self.latency.quantile(0.5),
            "seconds_p95": self.latency.quantile(0.95),
        }

    async def close(self) -> None:
        """Break off what is under way."""
        await self._tasks.close()
        await self._probes.close()

    def _may_end_otherwise(self, failed: RemoteFailed, tried: Sequence[Endpoint]) -> bool:
        """Say whether a call that failed may be worth another one."""
        if not failed.transient or len(tried) >= _TIMES or self.endpoints.rest:
            return False
        # Who has too much to do is not helped by being asked again.
        return failed.reason is not Reason.RATE_LIMITED or len(tried) < len(self.endpoints)

    def _is_in_time(self, deadline: float) -> bool:
        """Say whether a call that begins now would usually end before the deadline."""
        return _time() + self.latency.quantile(0.5) < deadline

    async def _hedged(self, call: _Call, tried: list[Endpoint]) -> NDArray[np.float32] | RemoteFailed:
        """Ask one endpoint; ask another one too where that takes unusually long, and take what comes first.

        Raises:
            RemoteFailed: no endpoint may be asked.
        """
        first = self.endpoints.pick(tried)
        tried.append(first)
        if not self._api.hedge_share or len(self.latency) < _ENOUGH:
            return await self._once(first, call)
        asked = self._tasks.spawn(self._once(first, call), f"ask:{self._name}")
        tasks = {asked}
        try:
            done, _ = await asyncio.wait(tasks, timeout=self.latency.quantile(0.95))
            if not done and self._may_hedge(call) and self._hedges.spend():
                tried.append(self.endpoints.pick(tried))
                tasks.add(self._tasks.spawn(self._once(tried[-1], call), f"hedge:{self._name}"))
            outcome = await _first_good(tasks)
            if not asked.done() and tried[-1] is not first:
                # Another one was faster though it began later. Once is nothing; who hangs does it every time.
                first.failed(self._clock())
            return outcome
        finally:
            for task in tasks:
                task.cancel()

    def _may_hedge(self, call: _Call) -> bool:
        return self._room() and not self.endpoints.rest and self._is_in_time(call.deadline)

    async def _once(
        self, endpoint: Endpoint, call: _Call, *, copy: bool = False
    ) -> NDArray[np.float32] | RemoteFailed:
        """Ask an endpoint once, and remember how it went; of a `copy` only how the endpoint did."""
        key = await self._key.current()
        start = self._clock()
        endpoint.under_way += 1
        try:
            headers = {**_JSON, **self._api.dialect.headers(key)}
            room = self._api.dialect.longest_answer(call.body, call.texts)
            reply = await self._http.post(
                endpoint.url, call.body, headers, deadline=call.until, max_bytes=room
            )
            values = await self._values(reply, call.texts, key)
        except asyncio.CancelledError:
            if not copy:
                self.latency.took(self._clock() - start, given_up=True)
            raise
        except Exception as error:  # noqa: BLE001 - whatever an answer sets off, the search goes on
            failed = error if isinstance(error, RemoteFailed) else self._unforeseen(error)
            self._tell(failed)
            self._mark(endpoint, failed, start)
            if not copy:
                self._count(failed, self._clock() - start)
            return failed
        finally:
            endpoint.under_way -= 1
        now = self._clock()
        endpoint.worked(now)
        if not copy:
            self.latency.took(now - start)
        return values

    async def _values(self, reply: Reply, count: int, key: str) -> NDArray[np.float32]:
        """Return the scores in a reply.

        Raises:
            _Answered: there are none.
        """
        dialect = self._api.dialect
        if reply.status == 200:
            try:
                return dialect.decode(reply.body, count).astype(np.float32)
            except BadAnswer as bad:
                raise _Answered(Reason.BAD_RESPONSE, 200, str(bad)) from None
        reason = dialect.reason(reply.status, reply.body)
        transient = reason in (Reason.RATE_LIMITED, Reason.REMOTE_ERROR)
        if reason is Reason.REMOTE_DENIED:
            transient = await self._key.replaced(key)
        retry_after = (
            seconds_to_wait(reply.headers, datetime.now(UTC), limited=reply.status == 429)
            if reply.status in (429, 503)
            else None
        )
        word = dialect.word(reply.body)
        raise _Answered(reason, reply.status, word, retry_after=retry_after, transient=transient)

    def _unforeseen(self, error: Exception) -> RemoteFailed:
        """Return what a mistake of our own is to callers; its text is not told, as it may quote content."""
        _log.error("asking a rerank api broke", extra={"model": self._name, "error": type(error).__name__})
        return RemoteFailed(Reason.REMOTE_ERROR)

    def _count(self, failed: RemoteFailed, seconds: float) -> None:
        self._counts["failed"] += 1
        if failed.reason is Reason.LATE:
            self.latency.took(seconds, given_up=True)
        if failed.reason is Reason.BAD_RESPONSE:
            self._counts["bad_answers"] += 1
        if failed.reason is Reason.RATE_LIMITED:
            self._counts["rate_limited"] += 1

    def _mark(self, endpoint: Endpoint, failed: RemoteFailed, began: float) -> None:
        """Tell an endpoint what it has done."""
        now = self._clock()
        if failed.reason is Reason.RATE_LIMITED:
            endpoint.leave_alone(now, failed.retry_after, began=began)
        elif failed.reason not in _NOT_ITS_FAULT:
            endpoint.failed(now)
            if failed.retry_after is not None:
                endpoint.leave_alone(now, failed.retry_after, began=began)

    def _tell(self, failed: RemoteFailed) -> None:
        """Log a failure, the same one once in a while."""
        status, word = (failed.status, failed.word) if isinstance(failed, _Answered) else (0, "")
        kind = failed.reason, status, word
        if self._told.get(kind, -_AGAIN) + _AGAIN <= self._clock():
            self._told[kind] = self._clock()
            extra = {"model": self._name, "reason": failed.reason.value, "status": status, "word": word}
            _log.warning("rerank api gave no scores", extra=extra)


async def _first_good(
    tasks: set[asyncio.Task[NDArray[np.float32] | RemoteFailed]],
) -> NDArray[np.float32] | RemoteFailed:
    """Return the first scores, or the last failure if there are none."""
    while True:
        done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        outcomes = [task.result() for task in done]
        good = next((one for one in outcomes if not isinstance(one, RemoteFailed)), None)
        if good is not None or not tasks:
            return good if good is not None else outcomes[-1]


def _time() -> float:
    return asyncio.get_running_loop().time()

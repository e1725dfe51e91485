"""One chat model that is asked: in time, so many questions at once, again where it makes sense, and paid."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from proxy.errors import Unscored
from proxy.model import Reason
from proxy.scoring.llm.chat import Question
from proxy.scoring.llm.spending import Prices, Till
from proxy.scoring.remote.allowance import Allowance
from proxy.scoring.remote.dialects.base import reason_of
from proxy.scoring.remote.from_policy import whole
from proxy.scoring.remote.http import RemoteFailed
from proxy.scoring.remote.latency import Latency
from proxy.scoring.remote.retry_after import seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.scoring.llm.answers import Form
    from proxy.scoring.llm.chat import ChatApi
    from proxy.scoring.remote.api_key import ApiKey
    from proxy.scoring.remote.http import RemoteHttp

T = TypeVar("T")

# Extra calls after failures, as a share of all. What a server has refused to begin with for its rate limit is
# no extra load, as it is waited for, and asked again without end as long as there is time.
_EXTRA = 0.1
_ATTEMPTS = 3
# Seconds before the first extra call, and before one of a rate limit that names no time; they double.
_PAUSE, _LONGEST_PAUSE = 0.1, 30.0

_log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """What bounds the calls: how many at once, seconds for each, tokens of an answer."""

    concurrency: int = 4
    timeout: float = 60.0
    max_output_tokens: int = 1024


class Llm:
    """A model at one URL. Needs a running event loop from its first question on."""

    def __init__(
        self,
        api: ChatApi,
        url: str,
        http: RemoteHttp,
        key: ApiKey,
        *,
        name: str,
        limits: Limits,
        prices: Prices,
    ) -> None:
        """Take whom to ask and how; `name` is for the log."""
        self._api = api
        self._url = whole(url, api.path)
        self._http = http
        self._key = key
        self._name = name
        self.limits = limits
        self.till = Till(prices)
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._allowance = Allowance(_EXTRA)
        self._latency = Latency(_now)
        self._rests_until = 0.0
        self._calls = 0
        self._bad_answers = 0
        self._last_status = 200

    async def start(self) -> None:
        """Read certificates and the key; nothing is asked, as that would cost something at every start.

        Raises:
            BadConfig: one of these can't be read.
        """
        await self._key.start()
        await self._http.start()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    @property
    def usual_seconds(self) -> float:
        """The seconds that half of the recent calls took; 0.0 while nothing is known."""
        return self._latency.quantile(0.5)

    def figures(self) -> Mapping[str, float]:
        """Return what there is to tell, by the names of `figures.MODEL_FIGURES`."""
        return {
            "llm_calls": self._calls,
            "llm_retries": self._allowance.spent,
            "llm_bad_answers": self._bad_answers,
            **self.till.figures(),
        }

    async def ask(self, prompt: tuple[str, str], form: Form[T], deadline: float) -> T:
        """Return the answer to a system and a user prompt; `deadline` is an event-loop time.

        Raises:
            Unscored: there is none, or none in time.
        """
        body = self._api.encode(Question(*prompt, form.name, form.schema))
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            raise Unscored(Reason.LATE) from None
        try:
            text = await self._said(body, deadline)
        finally:
            self._slots.release()
        answer = form.read(text) if text is not None else None
        if answer is None:
            self._bad_answers += 1
            raise Unscored(Reason.BAD_RESPONSE)
        return answer

    async def _said(self, body: bytes, deadline: float) -> str | None:
        """Return what was answered, after as many attempts as make sense before the deadline.

        Raises:
            Unscored: nothing was, and why.
        """
        self._allowance.earn()
        pause, attempts = _PAUSE, 1
        while True:
            await self._rest(deadline)
            key = await self._key.current()
            try:
                return await self._asked(body, key, deadline)
            except RemoteFailed as failed:
                if failed.reason is Reason.RATE_LIMITED:
                    self._rests_until = max(self._rests_until, _now() + (failed.retry_after or pause))
                elif failed.reason is not Reason.REMOTE_DENIED or not await self._key.replaced(key):
                    attempts += 1
                    wait = max(pause, failed.retry_after or 0.0)
                    again = failed.transient and attempts <= _ATTEMPTS and _now() + wait < deadline
                    if not again or not self._allowance.spend():
                        raise Unscored(failed.reason, failed.retry_after) from None
                    await asyncio.sleep(wait)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _rest(self, deadline: float) -> None:
        """Leave a server alone for as long as it wants.

        Raises:
            Unscored: that is too long.
        """
        if self._rests_until >= deadline:
            raise Unscored(Reason.RATE_LIMITED, self._rests_until - _now())
        await asyncio.sleep(max(0.0, self._rests_until - _now()))

    async def _asked(self, body: bytes, key: str, deadline: float) -> str | None:
        """Ask once.

        Raises:
            RemoteFailed: there was no answer of status 200. It is transient if the next one may be better.
            Unscored: there is not enough money, or not in time.
        """
        async with self.till.bill(len(body), self.limits.max_output_tokens, deadline) as bill:
            began = _now()
            until = min(deadline, began + self.limits.timeout)
            self._calls += 1
            try:
                reply = await self._http.post(self._url, body, self._api.headers(key or None), deadline=until)
            except RemoteFailed as failed:
                # What has reached the server may have been computed, whatever became of the answer.
                bill.free = not failed.sent
                if failed.reason is not Reason.LATE:
                    raise
                self._latency.took(_now() - began, given_up=True)
                raise RemoteFailed(Reason.LATE, transient=True) from None
            self._tell(reply.status)
            if reply.status != 200:
                bill.free = 400 <= reply.status < 500
                reason = reason_of(reply.status)
                raise RemoteFailed(
                    reason,
                    retry_after=seconds_to_wait(reply.headers, datetime.now(UTC)),
                    transient=reason is Reason.REMOTE_ERROR,
                )
            self._latency.took(_now() - began)
            said = self._api.decode(reply.body)
            bill.report(said.usage, said.text)
            return said.text

    def _tell(self, status: int) -> None:
        """Log a bad status, once in a row; not what it comes with, which may quote the question."""
        if status not in (200, self._last_status):
            _log.warning("llm refuses", extra={"model": self._name, "status": status})
        self._last_status = status


def _now() -> float:
    return asyncio.get_running_loop().time()

"""What the serving side tells to be recorded: a bounded queue, and one thread that does all the rest.

Telling takes microseconds, never waits and never fails. Where the thread can't follow, what is told is shed
and counted. The thread digests, redacts, encodes and writes; it rests while it works, so that the event loop
gets its turn. What a process that is killed loses is the last second.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from proxy.records.recorded import RecordedFeedback, RecordedHarm, to_line
from proxy.records.redaction import Redaction
from proxy.records.segment_writer import SegmentWriter
from proxy.records.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxy.observation import Observation
    from proxy.policy_evidence import Record

# What may wait for the thread: so many records, and so many characters of texts in them.
MAX_WAITING = 1024
MAX_WAITING_CHARACTERS = 2**24
# Seconds between two flushes: what an unclean end may cost.
FLUSH_EVERY = 1.0
_MB = 2**20
# Seconds between two looks of the thread at what was told: to wake it each time would cost the event loop
# more than all else that it does here.
_LOOK_EVERY = 0.1
# Seconds of work between two rests, and of a rest. Python hands its lock on after 5 ms of work only: without
# rests, the event loop would wait that long for its turn.
_WORK = 0.0003
_REST = 0.0001

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    at: datetime
    what: Observation | RecordedFeedback | RecordedHarm
    characters: int = 0


class Recorder:
    """Records searches as the policy says. All but `close` is for the event loop."""

    def __init__(
        self,
        settings: Record,
        *,
        secret: bytes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        close_within: float = 2.0,
    ) -> None:
        """Prepare; nothing is touched before `start`. Digests are keyed with the secret.

        `close` takes no more than `close_within` seconds, whatever the disk does.

        Raises:
            BadConfig: an expression of `redact` can't be used.
            ValueError: the secret is empty.
        """
        redaction = Redaction(settings.redact) if settings.texts == "keep" else None
        self._transcript = Transcript(secret, redaction, settings.share)
        self._share = settings.share
        self._now = now
        self._close_within = close_within
        self._writer = SegmentWriter(
            Path(settings.folder),
            max_bytes=settings.max_mb * _MB,
            keep_days=settings.keep_days,
            now=now,
        )
        self._queue: deque[_Told] = deque()
        self._thread = threading.Thread(target=self._work, name="midrank-records", daemon=True)
        self._closing = threading.Event()
        # When the thread rests and flushes next.
        self._rest_at = self._flush_at = 0.0
        self._shed = 0
        # What was told and not shed; and whether nobody waits any more for what of it is not written yet.
        self._taken = 0
        self._given_up = False
        # Characters told and characters done with, each counted by one thread alone.
        self._told = self._done = 0
        self._unrecordable = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def tell(self, observation: Observation) -> None:
        """Have a search recorded, if it is of the share that is."""
        if not self.wants(observation.exchange):
            return
        texts = sum(len(one.text) for one in observation.candidates if one.text is not None)
        self._put(_Told(self._now(), observation, len(observation.query) + texts))

    def tell_feedback(
        self,
        *,
        exchange: str,
        store: str,
        collection: str,
        experiment: Literal["interleave", "ab", "plain"],
        arm: Literal["control", "treatment"] | None,
        value: float,
        signal: Literal["used", "clicked", "cited"] | None,
    ) -> None:
        """Have feedback recorded, all of it: there is little, and it is what decides."""
        told = RecordedFeedback(self._now(), exchange, store, collection, experiment, arm, value, signal)
        self._put(_Told(told.at, told))

    def tell_harm(
        self,
        *,
        store: str,
        collection: str,
        event: Literal["alarm", "off", "on"],
        estimate: float | None,
        low: float | None,
        high: float | None,
        count: int,
        source: str,
    ) -> None:
        """Have a step of the harm guard recorded."""
        told = RecordedHarm(self._now(), store, collection, event, estimate, low, high, count, source)
        self._put(_Told(told.at, told))

    def wants(self, exchange: str) -> bool:
        """Say whether an exchange is of the share that is recorded; always the same of the same exchange."""
        if self._share >= 1:
            return True
        digest = blake2b(exchange.encode(errors="surrogatepass"), digest_size=8, person=b"record share")
        return int.from_bytes(digest.digest()) < self._share * 2**64

    @property
    def waiting(self) -> int:
        """What was told and is not written yet."""
        return len(self._queue)

    def figures(self) -> dict[str, int]:
        """Return what has become of all that was told, in records; and the bytes written.

        What `close` could not wait for counts as shed until it is written after all.
        """
        writer = self._writer
        return {
            "recorded": writer.recorded,
            "shed": self._shed + (self._unwritten if self._given_up else 0),
            "failed": writer.failed + self._unrecordable,
            "bytes": writer.bytes,
        }

    async def close(self) -> None:
        """Write what waits, as far as that can be done in the time there is."""
        self._closing.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, self._close_within)
        self._given_up = True
        if self._unwritten:
            _log.warning("records that wait are lost", extra={"records": self._unwritten})

    @property
    def _unwritten(self) -> int:
        """What waits, is being worked on, or is held for the next write."""
        return self._taken - self._writer.recorded - self._writer.failed - self._unrecordable

    def _put(self, told: _Told) -> None:
        waiting = self._told - self._done + told.characters
        full = len(self._queue) >= MAX_WAITING or waiting > MAX_WAITING_CHARACTERS
        if full or self._closing.is_set():
            self._shed += 1
            return
        self._taken += 1
        self._told += told.characters
        self._queue.append(told)

    def _work(self) -> None:
        """Write until closed. This and what it calls is all that runs in the thread."""
        self._writer.start()
        closing = False
        while not closing:
            closing = self._closing.wait(_LOOK_EVERY)
            while self._queue:
                told = self._queue.popleft()
                self._record(told)
                self._done += told.characters
                self._flush_in_time()
            self._flush_in_time()
        self._writer.close()

    def _flush_in_time(self) -> None:
        if time.monotonic() >= self._flush_at:
            self._writer.flush()
            self._flush_at = time.monotonic() + FLUSH_EVERY

    def _record(self, told: _Told) -> None:
        try:
            self._writer.append(told.at, *self._lines(told))
        except Exception:  # noqa: BLE001 - one search that can't be written must not end the thread
            if not self._unrecordable:
                _log.warning("a record could not be made")
            self._unrecordable += 1

    def _lines(self, told: _Told) -> list[bytes]:
        what, lines = told.what, []
        if isinstance(what, RecordedFeedback | RecordedHarm):
            return [to_line(what)]
        self._rest()
        record = self._transcript.search(told.at, what)
        for text in self._transcript.texts(record, what, self._writer.texts):
            lines.append(to_line(text))
            self._rest()
        return [*lines, to_line(record)]

    def _rest(self) -> None:
        """Let the event loop have its turn where it is time, unless it waits for us."""
        if time.perf_counter() >= self._rest_at and not self._closing.is_set():
            time.sleep(_REST)
            self._rest_at = time.perf_counter() + _WORK

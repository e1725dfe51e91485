"""Texts that are encoded one by one when nobody waits, so that later searches find them known.

Texts that a search did not reach in time go first: they are asked for. Then come those that were seen on
their way into the store, which may never be.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from proxy.errors import Unscored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_log = logging.getLogger(__name__)

# What may wait, of either kind: minutes of work, and the text of some thousand documents.
_MAX_TEXTS = 8192
_MAX_BYTES = 16 * 2**20
# Seconds to wait after a failure, and at most after many: a model that is gone takes some to come back.
_PAUSES = (0.1, 10.0)


@runtime_checkable
class Learner(Protocol):
    """A scorer that does better on texts that it has seen before."""

    @property
    def eager(self) -> bool:
        """Whether texts told now would be kept."""
        ...

    def learn(self, texts: Sequence[str]) -> None:
        """Remember texts for idle time, as far as there is room. Cheap; never raises."""
        ...


class WarmUp:
    """Two bounded lists of texts to encode, each text once.

    `encode` says whether it had to do anything. One text at a time: a search that comes in meanwhile finds
    all threads but one free.
    """

    def __init__(
        self,
        encode: Callable[[bytes, str], Awaitable[bool]],
        *,
        max_texts: int = _MAX_TEXTS,
        max_bytes: int = _MAX_BYTES,
        pauses: tuple[float, float] = _PAUSES,
    ) -> None:
        """Take what encodes; both bounds hold for each list. `pauses` are the shortest and the longest."""
        self._encode = encode
        self._pauses = pauses
        self._pause = 0.0
        self._missed = _Texts(max_texts, max_bytes)
        self._written = _Texts(max_texts, max_bytes)
        self._any = asyncio.Event()
        self.added = 0
        self.dropped = 0  # for lack of room here
        self.encoded = 0
        self.skipped = 0  # when their turn came, they were known, or there was no room for them
        self.failed = 0  # twice

    def __len__(self) -> int:
        """Count the texts that wait."""
        return len(self._missed) + len(self._written)

    @property
    def full(self) -> bool:
        """Whether no more texts of writes are taken."""
        return self._written.full

    def add_missed(self, key: bytes, text: str) -> None:
        """Remember a text that a search did not reach; the longest waiting ones make room."""
        if not (self._written.remove(key) or self._missed.remove(key)):
            self.added += 1
        self._missed.push(key, text)
        while self._missed.overflows:
            self._missed.pop_first()
            self.dropped += 1
        self._wake()

    def add_written(self, key: bytes, text: str) -> None:
        """Remember a text that was written; where there is no room it is dropped, as writes come in bulk."""
        if key in self._missed or key in self._written:
            return
        self.added += 1
        if self._written.full:
            self.dropped += 1
            return
        self._written.push(key, text)
        self._wake()

    async def run(self) -> None:
        """Encode texts, the longest waiting first, until cancelled; one that fails is tried once more."""
        while True:
            await self._any.wait()
            key, text = (self._missed if len(self._missed) else self._written).pop_first()
            self._wake()
            if not (await self._try(key, text) or await self._try(key, text)):
                self.failed += 1

    async def _try(self, key: bytes, text: str) -> bool:
        """Encode a text. If that fails return False, after a pause."""
        try:
            encoded = await self._encode(key, text)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other texts wait)
            shortest, longest = self._pauses
            self._pause = min(max(shortest, 2 * self._pause), longest)
            reason = error.reason.value if isinstance(error, Unscored) else type(error).__name__
            _log.warning("text not encoded", extra={"reason": reason, "pause": self._pause})
            await asyncio.sleep(self._pause)
            return False
        self._pause = 0.0
        self.encoded += encoded
        self.skipped += not encoded
        if not encoded:
            await asyncio.sleep(0)  # a list of known texts must not hold the event loop
        return True

    def _wake(self) -> None:
        if len(self):
            self._any.set()
        else:
            self._any.clear()


class _Texts:
    """Texts by key, in the order they came, with the memory they take."""

    def __init__(self, max_texts: int, max_bytes: int) -> None:
        self._max_texts = max_texts
        self._max_bytes = max_bytes
        self._texts: dict[bytes, str] = {}
        self._nbytes = 0

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, key: bytes) -> bool:
        return key in self._texts

    @property
    def full(self) -> bool:
        return len(self._texts) >= self._max_texts or self._nbytes >= self._max_bytes

    @property
    def overflows(self) -> bool:
        return len(self._texts) > self._max_texts or self._nbytes > self._max_bytes

    def push(self, key: bytes, text: str) -> None:
        self._texts[key] = text
        self._nbytes += sys.getsizeof(text)

    def remove(self, key: bytes) -> bool:
        """Forget a text; False if it is not here."""
        text = self._texts.pop(key, None)
        if text is None:
            return False
        self._nbytes -= sys.getsizeof(text)
        return True

    def pop_first(self) -> tuple[bytes, str]:
        key = next(iter(self._texts))
        text = self._texts.pop(key)
        self._nbytes -= sys.getsizeof(text)
        return key, text

"""Texts that a search did not reach in time, encoded one by one when nobody waits."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from proxy.errors import Unscored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class WarmUp:
    """A bounded list of texts to encode, newest last, each once.

    One text at a time: a search that comes in meanwhile finds all threads but one free.
    """

    def __init__(self, encode: Callable[[bytes, str], Awaitable[None]], limit: int = 4096) -> None:
        self._encode = encode
        self._limit = limit
        self._texts: dict[bytes, str] = {}
        self._any = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        """Count the texts that wait."""
        return len(self._texts)

    def add(self, key: bytes, text: str) -> None:
        """Remember a text; the one that has waited longest goes when there are too many."""
        self._texts.pop(key, None)
        self._texts[key] = text
        if len(self._texts) > self._limit:
            del self._texts[next(iter(self._texts))]
            self.dropped += 1
        self._any.set()

    async def run(self) -> None:
        """Encode texts, the longest waiting first, until cancelled."""
        while True:
            await self._any.wait()
            key = next(iter(self._texts))
            text = self._texts.pop(key)
            if not self._texts:
                self._any.clear()
            try:
                await self._encode(key, text)
            except Unscored as unscored:
                _log.warning("text not encoded", extra={"reason": unscored.reason.value})

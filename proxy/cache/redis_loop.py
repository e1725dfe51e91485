"""Loops in the background that nothing ends but their owner."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

    from proxy.cache.redis_errors import Kind

# Seconds after something that nobody has foreseen.
_PAUSE = 1.0

_log = logging.getLogger(__name__)


async def repeat(
    turn: Callable[[], Awaitable[None]], errors: Counter[Kind], *, pause: float = _PAUSE
) -> None:
    """Take one turn after another until cancelled.

    A turn deals with what can go wrong. What it has not foreseen is counted, and logged the first time; after
    a pause of so many seconds it goes on, as a cache without its loops would be worse than a missed turn.
    """
    is_known = False
    while True:
        try:
            await turn()
        except Exception as error:  # noqa: BLE001
            errors["other"] += 1
            if not is_known:
                # The kind alone: the message could quote what is cached.
                _log.error("redis loop stumbled", extra={"error": type(error).__name__})
            is_known = True
            await asyncio.sleep(pause)

"""Addresses of hosts, looked up where nobody else waits.

A lookup can hang for as long as a name server likes, and nothing can end it. In the event loop's own threads,
of which there are few, it would hold up everybody else's lookups and the end of the process. So it runs in a
thread of its own that nothing waits for, and a host that is being looked up is not looked up once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Seconds that an answer holds: no less than the longest pause between two probes, so that one that came too
# late for a probe is there for the next.
_HOLDS = 30.0


def look_up(host: str) -> Sequence[str]:
    """Return the addresses of a host. Blocks.

    Raises:
        OSError: it has none, or nobody knows.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class RedisNames:
    """Knows addresses for a while. It lives on one event loop."""

    def __init__(self, look_up: Callable[[str], Sequence[str]] = look_up) -> None:
        """Take what looks up, and may block."""
        self._look_up = look_up
        self._known: dict[str, tuple[float, Sequence[str]]] = {}
        self._asked: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of a host, in the order in which to try them; none if there are none.

        Waits for as long as the lookup takes; whoever has no time for it may go away.
        """
        if _is_address(host):
            return [host]
        until, known = self._known.get(host, (0.0, ()))
        if known and asyncio.get_running_loop().time() < until:
            return known
        if host not in self._asked:
            self._ask(host)
        return await asyncio.shield(self._asked[host])

    def forget(self, host: str) -> None:
        """Look it up again next time: there was nobody at its addresses."""
        self._known.pop(host, None)

    def _ask(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Sequence[str]] = loop.create_future()

        def take(found: Sequence[str]) -> None:
            del self._asked[host]
            self._known[host] = (loop.time() + _HOLDS, found)
            asked.set_result(found)

        def run() -> None:
            try:
                found = self._look_up(host)
            except (OSError, ValueError):  # a name that can't be one is a UnicodeError
                found = ()
            # The loop may be closed by now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(take, found)

        Thread(target=run, name="redis-names", daemon=True).start()
        self._asked[host] = asked


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

"""The webhook's certificate, read again whenever its files change.

Secrets are mounted through a symlink that is swapped; between two reads of it the certificate may be the new
one and the key still the old. So a pair is taken only once both fit; a bad pair leaves the last good one.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Seconds between two looks at the files; the kubelet takes up to a minute to bring them.
EVERY = 10.0

_log = logging.getLogger(__name__)


class Certificates:
    """A server's TLS context whose certificate can change. `context` is given to the server, once."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read both.

        Raises:
            BadConfig: they can't be read, or don't fit.
        """
        self._paths = (certificate, key)
        try:
            self._seen = self._contents()
            self._current, self.context = self._loaded(), self._loaded()
        except (OSError, ssl.SSLError) as error:
            what = error.strerror or "unreadable"
            mistake = Mistake(
                "(command line)", "--cert, --key", what, "a certificate and its key, PEM, no password"
            )
            raise BadConfig((mistake,)) from error
        # Called for every handshake, also of clients that name no server.
        self.context.sni_callback = self._present

    def refresh(self) -> bool | None:
        """Take the pair that the files hold now; blocks. Return if it was good; None if it is the same."""
        try:
            contents = self._contents()
            if contents == self._seen:
                return None
            self._seen = contents
            self._current = self._loaded()
        except (OSError, ssl.SSLError) as error:
            # Looked at again next time, whether it changes or not: it may have been half of a swap.
            self._seen = ()
            _log.warning("certificate rejected, the last one stays", extra={"reason": type(error).__name__})
            return False
        _log.info("certificate taken")
        return True

    async def watch(self, told: Callable[[bool], None], every: float = EVERY) -> None:
        """Look at the files until cancelled, and tell whether what came was good."""
        while True:
            await asyncio.sleep(every)
            good = await asyncio.to_thread(self.refresh)
            if good is not None:
                told(good)

    def _present(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _contents(self) -> tuple[bytes, ...]:
        return tuple(path.read_bytes() for path in self._paths)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A password that is asked for at a terminal would stop the process.
        context.load_cert_chain(*self._paths, password=lambda: "")
        return context

"""The key of an API, from the policy or from a file that may change while we run."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

# Seconds after which a file is looked at again, by the next who asks; the others go on with what is known.
_FRESH = 10.0
# Printable ASCII: what a header may hold, and what keys are made of.
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")


class ApiKey:
    """A key, or none. It has no repr that would show it."""

    def __init__(self, secret: SecretStr | None, file: str | None, clock: Callable[[], float]) -> None:
        """Take the key, or the file that holds it; `clock` gives seconds, from any start."""
        self._key = secret.get_secret_value() if secret is not None else ""
        self._file = Path(file) if file is not None else None
        self._clock = clock
        self._read_at = 0.0
        self._reading: asyncio.Lock = asyncio.Lock()

    async def start(self) -> None:
        """Read the file, if there is one.

        Raises:
            BadConfig: it can't be read, or holds no key.
        """
        if self._file is not None and not await self._read():
            allowed = "a readable file with a key of printable characters"
            raise BadConfig((Mistake("(policy)", "api_key_file", repr(str(self._file)), allowed),))

    async def current(self) -> str:
        """Return the key, empty without one; a file not looked at for a while is read before."""
        if self._file is not None and self._clock() - self._read_at > _FRESH and not self._reading.locked():
            await self._read()
        return self._key

    async def replaced(self, refused: str) -> bool:
        """Say whether there is another key than one that was refused; the file is read again for that."""
        if self._file is not None and refused == self._key:
            await self._read()
        return refused != self._key

    async def _read(self) -> bool:
        """Take the key in the file, off the event loop; a file that holds none changes nothing."""
        assert self._file is not None, "read only where there is one"
        async with self._reading:
            self._read_at = self._clock()
            try:
                key = (await asyncio.to_thread(self._file.read_text, "ascii")).strip()
            except (OSError, UnicodeDecodeError):
                return False
            if not _KEY.fullmatch(key):
                return False
            self._key = key
            return True

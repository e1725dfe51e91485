"""Where a process is asked: HOST:PORT, as policies and command lines have it.

Of the standard library alone: probes import it every few seconds.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# `${NAME}` and `${NAME:-default}`, as policies name what the environment holds.
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
# Who listens on every address is asked on this machine's own: others would be refused to read and change.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


class Place(NamedTuple):
    """A host, without the brackets of IPv6, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """As in a policy."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def asked_at(address: str) -> Place:
    """Return where to ask who listens at HOST:PORT.

    Raises:
        ValueError: it is none; the message says so.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{address!r} is no HOST:PORT")
    return Place(_LOOPBACK.get(host, host), int(port))

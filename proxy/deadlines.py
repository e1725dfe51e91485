"""How long the caller is willing to wait: its own deadline, as headers and the store's parameter tell it.

All of them count from the request's arrival and are for the whole answer, the store's time included. They are
written by programs that midrank does not know, so whatever is no plain number says nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from multidict import CIMultiDictProxy


def inherited(headers: CIMultiDictProxy[str], timeout: float | None) -> float | None:
    """Return the seconds that the caller waits for the whole answer; 0 is already over, None without end.

    The tightest of all that is said counts: each of those who say it gives up by itself. `timeout` is what
    the request gives the store, as `Call.timeout` has it.
    """
    told = [] if timeout is None else [timeout]
    for name, read in _READERS.items():
        told += [seconds for value in _values(headers, name) if (seconds := read(value)) is not None]
    return min(told, default=None)


# Twelve digits are thirty years; who waits for longer has no deadline.
_MILLISECONDS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)")
# TimeoutValue and TimeoutUnit of grpc/doc/PROTOCOL-HTTP2.md.
_GRPC = re.compile(r"([0-9]{1,8})([HMSmun])")
_GRPC_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def _milliseconds(value: str) -> float | None:
    match = _MILLISECONDS.fullmatch(value)
    return float(match[1]) / 1000 if match else None


def _grpc_timeout(value: str) -> float | None:
    match = _GRPC.fullmatch(value)
    return int(match[1]) * _GRPC_SECONDS[match[2]] if match else None


_READERS: dict[str, Callable[[str], float | None]] = {
    "x-request-timeout-ms": _milliseconds,
    "grpc-timeout": _grpc_timeout,
    # Set by Envoy's router, for early exits like ours: the route's timeout, or that of one try.
    "x-envoy-expected-rq-timeout-ms": _milliseconds,
}


def _values(headers: CIMultiDictProxy[str], name: str) -> Iterator[str]:
    """Yield what a header says: several lines of it may have been joined on the way (RFC 9110, 5.3)."""
    for line in headers.getall(name, ()):
        for value in line.split(","):
            yield value.strip(" \t")

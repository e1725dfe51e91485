"""The exceptions of midrank, named for what happens next.

Undecodable     a message is not certainly understood: the original passes on, untouched
Unscored        a scorer has nothing to say: the store's order stays
Oversized       an answer is larger than midrank holds in memory: it is streamed, untouched
Unanswerable    the caller gets an error of ours: the request was malformed or the store cannot be reached
BadConfig       midrank does not start: every mistake is listed at once
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.model import Reason


class Undecodable(Exception):
    """A message that is not certainly understood; `str(error)` says what, and never quotes content."""


class Unscored(Exception):
    """A scorer that cannot score this job; `reason` is counted.

    `retry_after` are the seconds for which it wants to be left alone, where it said so.
    """

    def __init__(self, reason: Reason, retry_after: float | None = None) -> None:
        """Keep the reason; the message is the same word."""
        super().__init__(reason.value)
        self.reason = reason
        self.retry_after = retry_after


class Oversized(Exception):
    """A message above the size that midrank holds in memory; it must be streamed instead."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table below: what the caller is told, over HTTP and over gRPC."""

    error: str
    http_status: int
    grpc_code: str


# The one table of answers that are midrank's own. Everything else a caller sees comes from the store.
BAD_REQUEST = Fault("bad_request", 400, "INVALID_ARGUMENT")
REQUEST_TIMEOUT = Fault("request_timeout", 408, "DEADLINE_EXCEEDED")
EXPECTATION_FAILED = Fault("expectation_failed", 417, "UNIMPLEMENTED")
INTERNAL_ERROR = Fault("internal_error", 500, "INTERNAL")
NOT_IMPLEMENTED = Fault("not_implemented", 501, "UNIMPLEMENTED")
UPSTREAM_UNREACHABLE = Fault("upstream_unreachable", 502, "UNAVAILABLE")
UPSTREAM_JUNK = Fault("upstream_junk", 502, "UNAVAILABLE")
TOO_MANY_CONNECTIONS = Fault("too_many_connections", 503, "RESOURCE_EXHAUSTED")
UPSTREAM_TIMEOUT = Fault("upstream_timeout", 504, "DEADLINE_EXCEEDED")
VERSION_UNSUPPORTED = Fault("http_version_unsupported", 505, "UNIMPLEMENTED")


class Unanswerable(Exception):
    """The caller must be told of a failure that is not the store's own answer."""

    def __init__(self, fault: Fault, detail: str) -> None:
        """Keep the table row and one sentence that names no secret."""
        super().__init__(f"{fault.error}: {detail}")
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong place in a configuration: where, what stands there, what is allowed."""

    file: str
    key: str
    value: str
    allowed: str
    line: int | None = None

    def __str__(self) -> str:
        """Read like a compiler message: `file:line: key: value - allowed`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.value} - {self.allowed}"


class BadConfig(Exception):
    """The configuration is unusable; carries every mistake found."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        """Keep all mistakes, in file order."""
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes

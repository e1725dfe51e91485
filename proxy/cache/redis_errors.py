"""What can go wrong with a Redis, in the few words under which it is counted."""

from __future__ import annotations

from typing import Literal, get_args

from redis import exceptions

# timeout      no answer in time
# connection   no connection, or a broken one; a server that is loading, failing over, or no longer the master
# denied       user, password, permissions or certificates are wrong
# full         no memory left on the server, or no room left here for one more that waits
# garbage      an answer that is no Redis reply, or a value that is not one of ours
# other        an error that the server names, and that is none of these; a slot of a cluster that moves
Kind = Literal["timeout", "connection", "denied", "full", "garbage", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# The first that fits. To redis-py a refused password is a broken connection and a read-only server is not; to
# us it is the other way round: a server that takes no writes is one to turn away from.
_KINDS: tuple[tuple[Kind, tuple[type[Exception], ...]], ...] = (
    ("timeout", (exceptions.TimeoutError, TimeoutError)),
    (
        "denied",
        (
            exceptions.AuthenticationError,
            exceptions.AuthorizationError,
            exceptions.AuthenticationWrongNumberOfArgsError,
            exceptions.NoPermissionError,
        ),
    ),
    ("full", (exceptions.OutOfMemoryError, exceptions.MaxConnectionsError)),
    (
        "connection",
        (
            exceptions.ConnectionError,
            exceptions.ReadOnlyError,
            exceptions.ClusterDownError,
            exceptions.RedisClusterException,
            OSError,
        ),
    ),
    ("other", (exceptions.ResponseError, exceptions.ClusterError)),
)


class RedisFailed(Exception):
    """A Redis has not done what it was asked; `kind` is counted."""

    def __init__(self, kind: Kind) -> None:
        """Keep the kind; the message is the same word."""
        super().__init__(kind)
        self.kind = kind


def kind_of(error: Exception) -> Kind:
    """Return the word for whatever redis-py has raised; what it did not foresee came of a garbled answer."""
    for kind, types in _KINDS:
        if isinstance(error, types):
            return kind
    return "garbage"

"""How many files and connections the process may have open: what its policy wants, or what it is granted."""

from __future__ import annotations

import logging
import resource
from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from proxy.policy import Policy

# A client's connection has one to the store behind it.
PER_CONNECTION = 2
# What is open besides: libraries, models, Redis, rerank APIs, exporters, records.
BESIDES = 256

_log = logging.getLogger(__name__)


def wanted(policy: Policy) -> int:
    """Return the descriptors that a policy's listeners may come to need."""
    return BESIDES + _listeners(policy) * policy.limits.connections * PER_CONNECTION


def allow(number: int) -> int:
    """Raise the process's limit to so many open files, as far as it goes, and return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    if soft != resource.RLIM_INFINITY and soft < number:
        soft = number if unlimited else min(number, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return number if soft == resource.RLIM_INFINITY else soft


def within(policy: Policy, granted: int) -> Policy:
    """Return a policy that takes no more connections than `granted` descriptors are enough for.

    Accepting more would fail in the middle of requests; so it is logged, and the last ones are refused.

    Raises:
        BadConfig: they are not enough for a single connection.
    """
    if wanted(policy) <= granted:
        return policy
    connections = (granted - BESIDES) // (PER_CONNECTION * max(1, _listeners(policy)))
    if connections < 1:
        least = f"ulimit -n of {BESIDES + PER_CONNECTION * _listeners(policy)} or more"
        raise BadConfig((Mistake("(process)", "open files", str(granted), least),))
    _log.warning(
        "few open files are allowed",
        extra={"allowed": granted, "wanted": wanted(policy), "connections": connections},
    )
    limits = policy.limits.model_copy(update={"connections": connections})
    return policy.model_copy(update={"limits": limits})


def _listeners(policy: Policy) -> int:
    return len(policy.stores) + (policy.rerank_api is not None)

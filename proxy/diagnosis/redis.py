"""Whether the shared cache is there, how fast it is, and how it is set up."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from proxy.cache.redis_client import RedisClient
from proxy.cache.redis_errors import RedisFailed
from proxy.caches import redis_settings
from proxy.diagnosis.finding import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxy.cache.redis_client import Command
    from proxy.diagnosis.finding import Finding
    from proxy.policy import Policy

WHAT = "redis"
# Seconds for one question, far beyond what a search would wait.
_PATIENCE = 3.0
# Questions whose median is told.
_ROUNDS = 9
# Seconds by which clocks may differ: entries have lifetimes, not dates, so this is for people who read logs.
CLOCKS = 5.0
# Major version with what midrank uses.
_OLDEST = 6
_TO_DO = {
    "denied": "check username, password and certificates, and the user's ACL, see cache.redis in policy.md",
    "timeout": "see whether it is busy or far away: SLOWLOG, and `redis-cli --latency` from this pod",
}


async def shared_cache(policy: Policy) -> AsyncIterator[Finding]:
    """Yield what there is to say about the Redis of a policy that has one."""
    if policy.cache.redis is None:
        return
    client = RedisClient(redis_settings(policy.cache.redis, policy.cache))
    try:
        await client.renew()
        # What searches do, and so what the user of an ACL is allowed to do.
        probe: Command = ("MGET", f"{policy.cache.redis.prefix}:doctor")
        await _ask(client, probe)
        seconds = sorted([await _timed(client, probe) for _ in range(_ROUNDS)])[_ROUNDS // 2]
        yield _latency(seconds * 1000, policy.cache.redis.timeout_ms)
        yield _set_up(await _ask(client, ("INFO",), optional=True))
        finding = _clock(await _ask(client, ("TIME",), optional=True))
        if finding is not None:
            yield finding
    except RedisFailed as error:
        to_do = _TO_DO.get(error.kind, "check url, DNS and egress rules; searches do without it meanwhile")
        yield failed(WHAT, error.kind, to_do)
    finally:
        await client.close()


async def _ask(client: RedisClient, command: Command, *, optional: bool = False) -> Any:
    (reply,) = await client.ask([command], _PATIENCE)
    if isinstance(reply, RedisFailed):
        if not optional:
            raise reply
        return None
    return reply


async def _timed(client: RedisClient, command: Command) -> float:
    started = time.perf_counter()
    await _ask(client, command)
    return time.perf_counter() - started


def _latency(took_ms: float, allowed_ms: float) -> Finding:
    told = f"answers in {took_ms:.1f} ms, searches wait for {allowed_ms:g} ms"
    if took_ms * 2 > allowed_ms:
        return warning(
            WHAT, told, "raise cache.redis.timeout_ms, or have Redis nearer: most reads are too late"
        )
    return ok(WHAT, told)


def _set_up(info: Any) -> Finding:
    what = f"{WHAT} set-up"
    if not isinstance(info, dict) or "maxmemory_policy" not in info:
        return ok(what, "not told: the user may not ask INFO")
    version, most, evicts = info.get("redis_version"), info.get("maxmemory"), info["maxmemory_policy"]
    told = f"version {version}, maxmemory {most}, {evicts}"
    if not str(version).partition(".")[0].isdecimal() or int(str(version).partition(".")[0]) < _OLDEST:
        return warning(what, told, f"use {_OLDEST}.2 or newer")
    if not most:
        return warning(what, told, "set maxmemory: without one Redis takes what the machine has")
    if evicts == "noeviction":
        return warning(what, told, "set maxmemory-policy allkeys-lru: a full Redis refuses to keep scores")
    return ok(what, told)


def _clock(reply: Any) -> Finding | None:
    if not isinstance(reply, list | tuple) or not reply:
        return None
    return clock(WHAT, float(reply[0]))


def clock(of: str, there: float) -> Finding:
    """Compare a clock, told in seconds since 1970, with that of this machine."""
    ahead = datetime.now(UTC).timestamp() - there
    told = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of {of}"
    if abs(ahead) > CLOCKS:
        return warning("clock", told, "set both by NTP: traces and logs of the two don't fit together")
    return ok("clock", f"as that of {of}")

"""What the midrank that runs says about itself, by its /status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.diagnosis.finding import failed, ok, warning
from proxy.diagnosis.reasons import EXPECTED, to_do

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.diagnosis.finding import Finding

WINDOW = "15m"
# Shares of searches from which something is worth saying, and is a failure if nothing else comes.
_NOTABLE, _BROKEN = 0.05, 0.5
# Milliseconds of lateness of the loop that nobody should get used to.
_LATE_MS = 50.0


def running(told: Mapping[str, object], sha256: str) -> Iterator[Finding]:
    """Yield what there is to say of a process; `sha256` is the digest of the policy's file."""
    yield ok("running", f"midrank {told.get('version')}, {told.get('status')}, up {told.get('uptime_s')} s")
    yield from _policy(_of(told, "policy"), sha256)
    yield from _models(_of(told, "models"))
    yield from _stores(_of(told, "stores"))
    yield from _searches(_of(_of(told, "recent"), WINDOW))
    lag = _of(told, "process").get("loop_lag_ms")
    if isinstance(lag, int | float) and lag > _LATE_MS:
        yield warning("event loop", f"{lag:.0f} ms late", "it has less CPU than it needs: raise its request")


def _policy(told: Mapping[str, object], sha256: str) -> Iterator[Finding]:
    if (rejected := told.get("rejected")) is not None:
        yield failed("policy in use", f"not the file's, which was rejected: {rejected}", "mend the file")
    elif told.get("sha256") not in ("", sha256):
        yield warning(
            "policy in use",
            "another one than in the file",
            "wait a minute for a ConfigMap to arrive, or send SIGHUP; with --no-watch, restart it",
        )
    else:
        yield ok("policy in use", f"generation {told.get('generation')}, since {told.get('loaded_at')}")


def _models(models: Mapping[str, object]) -> Iterator[Finding]:
    for name in models:
        model, what = _of(models, name), f"model {name}"
        match state := model.get("state"):
            case "failed":
                yield failed(
                    what, "could not be loaded", "the log says why; `midrank doctor --load` tries it"
                )
            case "open" | "half_open":
                why = model.get("reason")
                yield warning(what, f"left alone: {why}", to_do(str(why)) or "the log says what it answered")
            case "warming":
                yield warning(
                    what, "still loading", "wait; a first start prepares graphs, unless they are baked"
                )
            case _:
                yield ok(what, str(state))


def _stores(stores: Mapping[str, object]) -> Iterator[Finding]:
    for name in stores:
        store = _of(stores, name)
        if store.get("reachable") is False:
            yield failed(
                f"store {name}, as midrank sees it",
                f"{store.get('error')}, {store.get('error_s_ago')} s ago",
                "see whether it runs, and whether a NetworkPolicy or a mesh keeps midrank from it",
            )


def _searches(recent: Mapping[str, object]) -> Iterator[Finding]:
    if not recent:
        yield warning(
            "searches",
            "none in the last 15 minutes",
            "see that the app connects to `listen` of the policy, not to the store itself",
        )
    for store in recent:
        told = _of(recent, store)
        outcomes, total = told.get("outcomes"), told.get("searches")
        if not isinstance(outcomes, list) or not isinstance(total, int) or not total:
            continue
        good = sum(one["searches"] for one in outcomes if one["outcome"] in ("reranked", "cached"))
        what = f"searches of {store}"
        yield ok(what, f"{total} in the last 15 minutes, {good / total:.0%} reranked")
        for one in outcomes:
            yield from _outcome(what, one, one["searches"] / total)


def _outcome(what: str, told: Mapping[str, object], share: float) -> Iterator[Finding]:
    outcome, reason = told.get("outcome"), told.get("reason")
    if share < _NOTABLE or not isinstance(reason, str) or reason in EXPECTED:
        return
    find = failed if share >= _BROKEN else warning
    yield find(what, f"{share:.0%} {outcome}: {reason}", to_do(reason))


def _of(told: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = told.get(key)
    return value if isinstance(value, dict) else {}

"""The process as its operators see it: how everything is, whichever policy is in use.

What is told comes from what the parts know already: nobody is asked over the network for it, so an answer
says how things were of late, and comes at once however bad they are.
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.memory import shares_of
from proxy.policy_shown import shown
from proxy.scoring.cpus import cgroup_quota, usable_cpus
from proxy.telemetry.process import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.generation import Generation
    from proxy.listeners.admin import CacheControl, EvidenceControl
    from proxy.policy import Rule
    from proxy.pulse import Pulse
    from proxy.reloads import Reloads
    from proxy.telemetry import Telemetry
    from proxy.telemetry.recent import Tally
    from proxy.telemetry.telemetry import Scrape

# Minutes of which is told what became of searches.
WINDOWS = (1, 5, 15)


class Operations:
    """Answers what operators ask, see `listeners.admin.Operated`."""

    def __init__(
        self, now: Callable[[], Generation], reloads: Reloads, telemetry: Telemetry, pulse: Pulse
    ) -> None:
        """Take what tells the generation in use, and what outlives all of them."""
        self._now = now
        self._reloads = reloads
        self._telemetry = telemetry
        self._pulse = pulse
        self._started = time.monotonic()

    @property
    def draining(self) -> bool:
        """Whether no new work is wanted."""
        return self._reloads.draining

    @property
    def cache(self) -> CacheControl | None:
        """The caches in use, if any."""
        caches = self._now().caches
        return caches if caches.exist else None

    @property
    def proof(self) -> EvidenceControl | None:
        """Those who watch, if any."""
        proof = self._now().proof
        return proof if proof.exists else None

    @property
    def scrape(self) -> Scrape | None:
        """Returns metrics as text."""
        return self._telemetry.scrape

    def models(self) -> Mapping[str, str]:
        """Say of every model in use how it is."""
        return self._now().states()

    def policy_in_use(self) -> dict[str, object]:
        """Return which policy is in use, and why the file on disk is not, where it isn't."""
        reloads = self._reloads
        told: dict[str, object] = {
            "generation": reloads.generation,
            "sha256": reloads.sha256,
            "loaded_at": reloads.loaded_at,
        }
        if reloads.rejected is not None:
            told |= {"rejected": reloads.rejected, "rejected_at": reloads.rejected_at}
        return told

    async def effective_policy(self) -> Mapping[str, object]:
        """Return the policy in use, with its defaults and without secrets."""
        return await asyncio.to_thread(shown, self._now().policy)

    async def status(self) -> Mapping[str, object]:
        """Return all that there is to say, as JSON can hold it."""
        # Files of the kernel's; a thread, as nothing may block the loop.
        process = await asyncio.to_thread(_process)
        now = self._now()
        states, details = now.states(), now.details()
        return {
            "status": "draining" if self.draining else "ready",
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started, 1),
            "policy": self.policy_in_use(),
            "stores": now.stores(),
            "rules": [_rule(now, rule) for rule in now.policy.rules if now.policy.stores],
            "models": {name: {"state": state, **details.get(name, {})} for name, state in states.items()},
            "caches": now.caches.storage_figures(),
            "recent": {f"{minutes}m": self._recent(60 * minutes) for minutes in WINDOWS},
            "process": {
                **process,
                "memory_limit_mb": now.policy.memory_limit_mb,
                "memory_shares_mb": shares_of(now.policy),
                "loop_lag_ms": round(self._pulse.lag * 1000, 2),
            },
        }

    def _recent(self, seconds: float) -> dict[str, object]:
        tallies = self._telemetry.measures.recent.within(seconds)
        return {store: _told(tally) for store, tally in tallies.items()}


def _rule(now: Generation, rule: Rule) -> dict[str, object]:
    """Return a rule's terms, and how far its models would get within its budget."""
    told: dict[str, object] = {**rule.match.model_dump(), "mode": rule.mode}
    if rule.mode == "off":
        return told
    tiers = now.caches.tiers(rule.scoring)
    return {
        **told,
        "budget_ms": rule.budget_ms,
        "candidates": [rule.candidates.min, rule.candidates.max],
        "strategy": rule.strategy,
        "models": [
            {
                "model": name,
                # More than the policy would have it read says nothing; None: nobody knows yet.
                "depth": _depth(tier.usual_reach(rule.budget_ms / 1000).texts, rule.candidates.max)
                if tier.ready
                else None,
            }
            for name, tier in tiers.items()
        ],
    }


def _depth(texts: float, most: int) -> int | None:
    return None if texts == float("inf") else min(int(texts), most)


def _told(tally: Tally) -> dict[str, object]:
    return {
        "searches": tally.searches,
        "outcomes": [
            {"outcome": outcome, "reason": reason, "searches": count}
            for outcome, reason, count in tally.outcomes
        ],
        "added_ms": {f"p{number}": round(seconds * 1000, 2) for number, seconds in tally.added.items()},
    }


def _process() -> dict[str, object]:
    """Return what the process uses and may use. Reads files: blocks."""
    used = usage()
    return {
        "memory_bytes": used.get("memory"),
        "threads": used.get("threads"),
        "cpus": usable_cpus(),
        "cpu_quota": cgroup_quota(Path("/")),
        "descriptors": used.get("descriptors"),
        "descriptors_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }

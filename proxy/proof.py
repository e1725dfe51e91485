"""The proof that a policy asks for: who watches, where feedback comes in, and what is told of it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from proxy.evidence.evidence import Evidence
from proxy.evidence.experiments import Experiments
from proxy.evidence.feedback import Feedback
from proxy.evidence.harm_guard import HarmGuard
from proxy.evidence.probes import read_probes
from proxy.evidence.shadow import ShadowStats
from proxy.records.recorder import Recorder
from proxy.records.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

    from proxy.evidence.feedback import Judged
    from proxy.evidence.harm_guard import Change
    from proxy.model import Candidate
    from proxy.policy import Policy
    from proxy.scoring.ranker import Ranked, Ranker

    # Figures by what tells them apart, each step some milliseconds of work.
    Steps = Iterator[tuple[tuple[str, ...], Mapping[str, float]]]

T = TypeVar("T")


class Proof:
    """Builds the parts, starts them, and lets go of them."""

    def __init__(self, policy: Policy, judge: Ranker | None, recorder: Recorder | None) -> None:
        """Take the policy, what ranks as its harm guard's reference, and who records: others close these."""
        experiments = [rule.experiment for rule in policy.rules if rule.experiment is not None]
        self._judge = judge
        secret = _secret(policy)
        self._recorder = recorder
        self._guard = (
            HarmGuard(
                policy.harm_guard,
                preference=any(one.kind == "interleave" for one in experiments),
                rank=self._reference if judge is not None else None,
                on_change=self._changed,
                secret=secret,
            )
            if policy.harm_guard is not None
            else None
        )
        self._feedback = (
            Feedback(policy.feedback, clock=monotonic, judged=self._judged)
            if policy.feedback is not None
            else None
        )
        behind = self._guard is not None or any(rule.mode == "shadow" for rule in policy.rules)
        self._shadow = ShadowStats() if behind else None
        self.live = Evidence(
            experiments=Experiments(secret, _now) if experiments else None,
            feedback=self._feedback,
            shadow=self._shadow,
            guard=self._guard,
            watchers=() if self._recorder is None else (self._recorder,),
        )

    @property
    def exists(self) -> bool:
        """Whether there is anything to be told or reset."""
        parts = (self._shadow, self._feedback, self._guard, self._recorder)
        return any(part is not None for part in parts)

    @property
    def feedback(self) -> Feedback | None:
        """Who hears what applications say was of use, if the policy has that."""
        return self._feedback

    @property
    def guard(self) -> HarmGuard | None:
        """The harm guard, if the policy has one."""
        return self._guard

    async def start(self, former: Proof | None = None) -> None:
        """Read what is kept, unless `former` is still at it, whom this will `succeed`.

        Raises:
            BadConfig: probes are wrong.
        """
        if self._guard is not None:
            await self._guard.start(former.guard if former is not None else None)

    async def succeed(self, former: Proof) -> None:
        """Go on from what the harm guard of `former` has found out, if it is kept in the same place."""
        if self._guard is not None and former.guard is not None:
            await self._guard.succeed(former.guard)

    async def close(self) -> None:
        """Write down what is to be kept."""
        if self._feedback is not None:
            self._feedback.close()
        if self._guard is not None:
            await self._guard.close()

    def figures(self) -> dict[str, Callable[[], Steps]]:
        """Return what tells the figures of every part there is, by the name of their table."""
        told: dict[str, Callable[[], Steps]] = {}
        if self._shadow is not None:
            told["shadow"] = self._shadow.figures
        if self._feedback is not None:
            told["feedback"] = self._feedback.figures
            told["posts"] = partial(_alone, self._feedback.totals)
        if self._guard is not None:
            told["harm"] = self._guard.figures
            told["reference"] = partial(_alone, self._guard.totals)
        if self._recorder is not None:
            told["records"] = partial(_alone, self._recorder.figures)
        return told

    async def evidence(self) -> dict[str, object]:
        """Return all that is known, as JSON can hold it; collections by `STORE/COLLECTION`."""
        told: dict[str, object] = {}
        if self._shadow is not None:
            told["shadow"] = await _named(self._shadow.evidence())
        if self._feedback is not None:
            collections = await _named(self._feedback.evidence())
            told["experiments"] = {**self._feedback.summary(), "collections": collections}
        if self._guard is not None:
            known = [told_of async for _, told_of in in_steps(self._guard.evidence())]
            told["harm"] = {**self._guard.summary(), "collections": known}
        if self._recorder is not None:
            told["records"] = self._recorder.figures()
        return told

    def reset(self, store: str, collection: str) -> bool:
        """Forget what the harm guard knows of a collection; False if that is nothing."""
        return self._guard is not None and self._guard.reset(store, collection)

    async def _reference(self, query: str, candidates: Sequence[Candidate], deadline: float) -> Ranked:
        assert self._judge is not None, "asked only with a reference"
        return await self._judge.rank(query, candidates, window=len(candidates), deadline=deadline)

    def _judged(self, judged: Judged) -> None:
        # Ties say nothing about which order is better.
        if self._guard is not None and judged.kind == "interleave" and judged.value:
            self._guard.prefer(judged.store, judged.collection, judged.value, judged.query)
        if self._recorder is not None:
            self._recorder.tell_feedback(
                exchange=judged.exchange,
                store=judged.store,
                collection=judged.collection,
                experiment=judged.kind,
                arm=judged.arm,
                value=judged.value,
                signal=judged.signal,
            )

    def _changed(self, change: Change) -> None:
        if self._recorder is not None:
            self._recorder.tell_harm(**asdict(change))


def recorder(policy: Policy) -> Recorder:
    """Return what records as a policy says that has something recorded.

    Raises:
        BadConfig: an expression of `redact` can't be used.
    """
    assert policy.record is not None, "asked only where something is recorded"
    return Recorder(policy.record, secret=_secret(policy))


def check_proof(policy: Policy) -> None:
    """See whether what a policy names as proof is there, and can be used.

    Raises:
        BadConfig: it isn't, or can't.
    """
    if policy.record is not None:
        Redaction(policy.record.redact)
    if policy.harm_guard is not None and policy.harm_guard.probes is not None:
        read_probes(Path(policy.harm_guard.probes))


async def in_steps(steps: Iterable[T]) -> AsyncIterator[T]:
    """Yield what takes a while to be told, and let the event loop go on after each."""
    for step in steps:
        yield step
        await asyncio.sleep(0)


async def _named(steps: Iterable[tuple[tuple[str, str], object]]) -> dict[str, object]:
    return {f"{store}/{collection}": told async for (store, collection), told in in_steps(steps)}


def _alone(figures: Callable[[], Mapping[str, float]]) -> Steps:
    yield (), figures()


def _secret(policy: Policy) -> bytes:
    """Return what keys digests; without a secret of the policy's, lots are drawn anew with every start."""
    return secrets.token_bytes() if policy.secret is None else policy.secret.get_secret_value().encode()


def _now() -> float:
    return datetime.now(UTC).timestamp()

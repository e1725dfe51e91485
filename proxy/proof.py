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

from proxy import telemetry as names
from proxy.evidence.evidence import Evidence
from proxy.evidence.experiments import Experiments
from proxy.evidence.feedback import Feedback
from proxy.evidence.harm_guard import HarmGuard
from proxy.evidence.probes import read_probes
from proxy.evidence.shadow import ShadowStats
from proxy.figures import (
    FEEDBACK_FIGURES,
    HARM_FIGURES,
    POST_FIGURES,
    RECORD_FIGURES,
    REFERENCE_FIGURES,
    SHADOW_FIGURES,
)
from proxy.listeners.feedback import FeedbackListener
from proxy.records.recorder import Recorder
from proxy.records.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

    from proxy.evidence.feedback import Judged
    from proxy.evidence.harm_guard import Change
    from proxy.model import Candidate
    from proxy.policy import Policy
    from proxy.policy_scoring import Scoring
    from proxy.scoring.ranker import Ranked, Ranker
    from proxy.telemetry import Telemetry, Told

    # Figures by what tells them apart, each step some milliseconds of work.
    Steps = Iterator[tuple[tuple[str, ...], Mapping[str, float]]]

T = TypeVar("T")

_PLACE = (names.STORE, names.DB_COLLECTION)


class Proof:
    """Builds the parts, starts them, and lets go of them."""

    def __init__(self, policy: Policy, rankers: Mapping[Scoring, Ranker]) -> None:
        """Take the policy, and the rankers of its scorings.

        Raises:
            BadConfig: some setting can't be followed.
        """
        # Without a secret of the policy's, lots are drawn anew with every start.
        secret = secrets.token_bytes() if policy.secret is None else policy.secret.get_secret_value().encode()
        experiments = [rule.experiment for rule in policy.rules if rule.experiment is not None]
        self._rankers = rankers
        self._scoring = policy.reference_scoring
        self._recorder = Recorder(policy.record, secret=secret) if policy.record is not None else None
        self._guard = (
            HarmGuard(
                policy.harm_guard,
                preference=any(one.kind == "interleave" for one in experiments),
                rank=self._reference if self._scoring is not None else None,
                on_change=self._changed,
                secret=secret,
            )
            if policy.harm_guard is not None
            else None
        )
        self._settings = policy.feedback
        self._feedback = (
            Feedback(policy.feedback, clock=monotonic, judged=self._judged)
            if policy.feedback is not None
            else None
        )
        self._listener: FeedbackListener | None = None
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
    def feedback_address(self) -> tuple[str, int] | None:
        """The bound host and port of the feedback listener, if the policy has one."""
        return self._listener.address if self._listener is not None else None

    async def start(self) -> None:
        """Read what is kept, and listen.

        Raises:
            BadConfig: probes are wrong, or the address can't be bound.
        """
        if self._guard is not None:
            await self._guard.start()
        if self._recorder is not None:
            self._recorder.start()
        if self._settings is not None and self._feedback is not None:
            listener = FeedbackListener(self._settings, self._feedback)
            await listener.start()
            self._listener = listener

    async def close(self, drain: float) -> None:
        """Stop listening, give posts under way `drain` seconds, and write down what is to be kept."""
        if self._listener is not None:
            await self._listener.close(drain)
            self._listener = None
        if self._feedback is not None:
            self._feedback.close()
        if self._guard is not None:
            await self._guard.close()
        if self._recorder is not None:
            await self._recorder.close()

    def watch(self, telemetry: Telemetry, asked: Callable[[Callable[[], Steps]], Callable[[], Told]]) -> None:
        """Have all of it exported; `asked` makes what tells figures safe to be asked by an exporter."""
        for part, table in (
            (self._shadow, SHADOW_FIGURES),
            (self._feedback, FEEDBACK_FIGURES),
            (self._guard, HARM_FIGURES),
        ):
            if part is not None:
                telemetry.watch(table, _PLACE, asked(part.figures))
        for whole, table in (
            (self._feedback, POST_FIGURES),
            (self._guard, REFERENCE_FIGURES),
        ):
            if whole is not None:
                telemetry.watch(table, (), asked(partial(_alone, whole.totals)))
        if self._recorder is not None:
            telemetry.watch(RECORD_FIGURES, (), asked(partial(_alone, self._recorder.figures)))

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
        assert self._scoring is not None, "asked only with a reference"
        ranker = self._rankers[self._scoring]
        return await ranker.rank(query, candidates, window=len(candidates), deadline=deadline)

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


def _now() -> float:
    return datetime.now(UTC).timestamp()

"""What was tried for one job: each model that was considered, and why it gave no scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.model import Attempt, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator


class Attempts:
    """The models considered for a job so far, each once, the one that was heard of last at the end.

    A job carries it, not what comes back: whoever stops waiting still finds here how far things have come.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, Reason | None] = {}

    def __iter__(self) -> Iterator[Attempt]:
        """Yield them in order."""
        return (Attempt(model, reason) for model, reason in self._reasons.items())

    def asked(self, model: str) -> None:
        """Note that a model is asked: it is late until it has answered."""
        self.failed(model, Reason.LATE)

    def failed(self, model: str, reason: Reason) -> None:
        """Note why a model has no scores, or was passed over."""
        self._note(model, reason)

    def scored(self, model: str) -> None:
        """Note that a model has given scores."""
        self._note(model, None)

    def add(self, others: Attempts) -> None:
        """Note what was tried elsewhere for the same job."""
        for one in others:
            self._note(one.model, one.reason)

    def _note(self, model: str, reason: Reason | None) -> None:
        self._reasons.pop(model, None)
        self._reasons[model] = reason

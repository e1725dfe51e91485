"""Which policy a process follows, and what came of those that should have taken its place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Result = Literal["taken", "unchanged", "rejected"]
RESULTS: tuple[Result, ...] = ("taken", "unchanged", "rejected")


@dataclass
class Reloads:
    """What there is to tell of policies; `App` and whoever reads policy files keep it up to date.

    generation   the policy in use: 1 is the one of the start
    sha256       of its file's content; "" where it came from no file
    loaded_at    since when it is in use
    rejected     every mistake of what is to be the policy now, a line each; None if that is in use
    draining     the process is about to end: nothing is reloaded any more
    """

    generation: int = 1
    sha256: str = ""
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    rejected: str | None = None
    rejected_at: datetime | None = None
    draining: bool = False
    counts: Counter[Result] = field(default_factory=Counter)

    def take(self) -> None:
        """Note that another policy is in use from now on."""
        self.generation += 1
        self.loaded_at = datetime.now(UTC)

    def follow(self, result: Literal["taken", "unchanged"], sha256: str, *, latest: bool) -> None:
        """Note that a file with this content is followed; `latest`: it is the one on disk.

        Otherwise a later one was rejected while this one was loaded, and still is.
        """
        self.counts[result] += 1
        self.sha256 = sha256
        if latest:
            self.rejected = self.rejected_at = None

    def reject(self, mistakes: str) -> None:
        """Note what is wrong with the file on disk."""
        self.counts["rejected"] += 1
        self.rejected = mistakes
        self.rejected_at = datetime.now(UTC)

    def figures(self) -> Mapping[str, float]:
        """Return what is exported of it, see `figures.POLICY_FIGURES`."""
        return {
            "generation": float(self.generation),
            "rejected": float(self.rejected is not None),
        }

    def results(self) -> Iterator[tuple[Result, int]]:
        """Yield how often each came of a file."""
        return ((result, self.counts[result]) for result in RESULTS)

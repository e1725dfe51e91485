"""Cases, policies and scorers that the tests of tuning share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.model import Candidate
from proxy.policy import Policy
from proxy.tuning.cases import Case
from tests.fakes.odd_scorers import TermOverlap

if TYPE_CHECKING:
    from collections.abc import Sequence

STORE = {"kind": "chroma", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:1"}


def policy(**keys):
    """Return a policy with one store; nothing can listen or be reached where it says."""
    return Policy.model_validate({"stores": [STORE], "admin": "127.0.0.1:1", **keys})


def case(number, rows=12, limit=5):
    """Return a case whose relevant row the store has in the middle; its words are the query's."""
    candidates = tuple(
        Candidate(
            f"d{number}-{row}",
            f"text {row}" + (f" topic {number}" if row == rows // 2 else ""),
            1 / (row + 1),
        )
        for row in range(rows)
    )
    return Case(f"topic {number}", candidates, slice(0, limit), {f"d{number}-{rows // 2}": 1.0})


def cases(count, **keys):
    return tuple(case(number, **keys) for number in range(count))


@dataclass
class Learning(TermOverlap):
    """Does better on texts that it has seen, so it says."""

    name: str = "learning"
    learned: list[str] = field(default_factory=list)

    @property
    def eager(self) -> bool:
        return True

    def learn(self, texts: Sequence[str]) -> None:
        self.learned += texts

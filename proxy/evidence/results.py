"""What feedback says about one collection: of drawn answers, of an A/B test, and of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from proxy.evidence.places import Places
from proxy.evidence.preferences import Preferences
from proxy.evidence.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator


# Collections are named by callers.
MAX_COLLECTIONS = 200


class _Part(Protocol):
    @property
    def empty(self) -> bool: ...

    def figures(self) -> dict[str, float]: ...

    def evidence(self) -> dict[str, object]: ...


class Results:
    """One collection's results; what nobody took part in is not told of."""

    def __init__(self) -> None:
        """Start without any."""
        self.preferences = Preferences()
        self.trial = Trial()
        self.places = Places()

    def figures(self) -> dict[str, float]:
        """Return the numbers of all parts, each after the part's name."""
        return {
            f"{name}_{key}": value for name, part in self._parts() for key, value in part.figures().items()
        }

    def evidence(self) -> dict[str, object]:
        """Return what each part proves, by its name."""
        return {name: part.evidence() for name, part in self._parts()}

    def _parts(self) -> Iterator[tuple[str, _Part]]:
        parts: dict[str, _Part] = {"interleave": self.preferences, "ab": self.trial, "plain": self.places}
        return ((name, part) for name, part in parts.items() if not part.empty)


class AllResults:
    """The results of all collections, bounded: the one not heard of for longest makes room."""

    def __init__(self) -> None:
        """Start without collections."""
        self._results: dict[tuple[str, str], Results] = {}

    def of(self, store: str, collection: str) -> Results:
        """Return one collection's, as the one that was heard of last."""
        key = (store, collection)
        results = self._results.pop(key, None) or Results()
        self._results[key] = results
        if len(self._results) > MAX_COLLECTIONS:
            del self._results[next(iter(self._results))]
        return results

    def all(self) -> tuple[tuple[tuple[str, str], Results], ...]:
        """Return those that there are now, by store and collection."""
        return tuple(self._results.items())

"""The cases of all collections, of which there is room for so many.

Names of collections come from callers. The one that was heard of longest ago makes room, but none with an
alarm does: it may be switched off, and somebody else's searches must not switch it on again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from proxy.evidence.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from proxy.evidence.case import Source, Terms

# Nobody has that many collections which are judged; some 150 KB each, at most.
MOST_COLLECTIONS = 128


class Cases:
    """Cases by store and collection, all with the same sources and terms."""

    def __init__(self, sources: Sequence[Source], terms: Terms) -> None:
        """Begin without any."""
        self._sources = sources
        self._terms = terms
        self._cases: dict[tuple[str, str], Case] = {}
        self._refused = 0

    @property
    def refused(self) -> int:
        """How many values were told of collections for which there was no room."""
        return self._refused

    def known(self) -> tuple[tuple[tuple[str, str], Case], ...]:
        """Return all that there are now, the one heard of longest ago first."""
        return tuple(self._cases.items())

    def get(self, key: tuple[str, str]) -> Case | None:
        """Return a collection's case, if there is one."""
        return self._cases.get(key)

    def hear(self, key: tuple[str, str], now: float) -> Case | None:
        """Return the case of a collection that is heard of; None, and it is counted, if there is no room."""
        case = self._cases.pop(key, None)
        if case is None:
            if not self._has_room():
                self._refused += 1
                return None
            case = Case(self._sources, self._terms, now)
        self._cases[key] = case
        return case

    def forget(self, key: tuple[str, str]) -> Case | None:
        """Drop a collection's case and return it, if there was one."""
        return self._cases.pop(key, None)

    def alarmed(self) -> frozenset[tuple[str, str]]:
        """Return the collections with an alarm."""
        return frozenset(key for key, case in self._cases.items() if case.alarm is not None)

    def _has_room(self) -> bool:
        """Make room if need be, by dropping a case without an alarm."""
        if len(self._cases) < MOST_COLLECTIONS:
            return True
        quiet = next((key for key, case in self._cases.items() if case.alarm is None), None)
        return quiet is not None and self.forget(quiet) is not None

    def lines(self) -> Iterator[bytes]:
        """Yield a line of JSON for every case, as `restore` takes them; a step takes a millisecond or two."""
        for key, case in self.known():
            yield orjson.dumps([*key, case.to_state()])

    def restore(self, lines: Iterable[bytes], now: float) -> int:
        """Take up what lines say, and return how many of them were damaged."""
        damaged = 0
        for line in lines:
            try:
                store, collection, state = orjson.loads(line)
                key = (str(store), str(collection))
                self._cases[key] = Case.from_state(state, self._sources, self._terms, now)
            except (TypeError, ValueError):
                damaged += 1
        return damaged

"""Judged queries that midrank recognises when somebody searches for them.

A file of lines like `{"query": "how do I ...", "relevant": {"doc-17": 1}}`, the form of judged data all over
midrank; `collection` may be added where the same words are judged for several. A nightly job, for one, sends
these queries through midrank as any application would: what is measured is what applications get.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import orjson

from proxy.errors import BadConfig, Mistake
from proxy.scoring.score_keys import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# More than anyone judges, and few enough to be held: some 30 MB with ten relevant documents each.
MAX_PROBES = 20_000
# A judged line may carry its candidates' texts.
MAX_LINE = 16 * 2**20
# Whoever has the wrong file needs no more lines to see it.
_MAX_MISTAKES = 20

_KEY = "harm_guard.probes"


class Probe(NamedTuple):
    """A judged query; `relevant` are the grades of relevant documents by id, all above 0."""

    query: str
    collection: str | None
    relevant: Mapping[str, float]


class _BadLine(Exception):
    """A line that is no probe: the key, what stands there and what should; none of them quotes content."""

    def __init__(self, key: str, value: str, allowed: str) -> None:
        super().__init__(f"{key}: {value} - {allowed}")
        self.told = (key, value, allowed)


class Probes:
    """Probes by query; one of a named collection goes before one for all."""

    def __init__(self, probes: Iterable[Probe] = ()) -> None:
        self._relevant = {(normalised(one.query), one.collection): one.relevant for one in probes}
        self._queries = frozenset(query for query, _ in self._relevant)

    def __len__(self) -> int:
        """Count them."""
        return len(self._relevant)

    def __contains__(self, query: str) -> bool:
        """Say whether a query is judged, for whatever collection."""
        return bool(self._queries) and normalised(query) in self._queries

    def relevant(self, query: str, collection: str) -> Mapping[str, float] | None:
        """Return the grades of the documents that are relevant to a query; None where it isn't judged."""
        if not self._relevant:
            return None
        known = normalised(query)
        return self._relevant.get((known, collection)) or self._relevant.get((known, None))


def read_probes(path: Path) -> Probes:
    """Read a file of probes. It blocks.

    Raises:
        BadConfig: it can't be read, or lines are wrong; with the first twenty of them.
    """
    reading = _Reading(str(path))
    try:
        with path.open("rb") as file:
            lines = enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1)
            while (line := next(lines, None)) is not None and reading.takes(*line):
                pass
    except OSError as error:
        why = error.strerror or "not readable"
        raise BadConfig((Mistake("(policy)", _KEY, str(path), f"a file that can be read; {why}"),)) from error
    return reading.probes()


class _Reading:
    """Lines as far as they are read: probes, or what is wrong."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._probes: dict[tuple[str, str | None], Probe] = {}
        self._mistakes: list[Mistake] = []

    def takes(self, number: int, line: bytes) -> bool:
        """Take in a line; say whether to go on."""
        if line.strip() or len(line) > MAX_LINE:
            try:
                self._take(_probe(line))
            except _BadLine as bad:
                self._mistakes.append(Mistake(self._file, *bad.told, number))
        return len(self._mistakes) < _MAX_MISTAKES and len(line) <= MAX_LINE

    def probes(self) -> Probes:
        """Return what was read.

        Raises:
            BadConfig: lines are wrong, or there is none.
        """
        if not self._probes and not self._mistakes:
            self._mistakes.append(Mistake(self._file, "(end)", "nothing", "a line for every probe"))
        if self._mistakes:
            raise BadConfig(tuple(self._mistakes))
        return Probes(self._probes.values())

    def _take(self, probe: Probe) -> None:
        key = (normalised(probe.query), probe.collection)
        if key in self._probes:
            raise _BadLine("query", "the same as before", "a query once for each collection")
        if len(self._probes) == MAX_PROBES:
            raise _BadLine("(line)", "one too many", f"{MAX_PROBES} probes at most")
        self._probes[key] = probe


def _probe(line: bytes) -> Probe:
    """Return the probe in a line; keys that mean nothing here are passed over.

    Raises:
        _BadLine: there is none.
    """
    if len(line) > MAX_LINE:
        raise _BadLine("(line)", f"above {MAX_LINE} bytes", "a shorter one")
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _BadLine("(line)", "not JSON", "an object with query and relevant, in UTF-8") from None
    if not isinstance(data, dict):
        raise _BadLine("(line)", "not an object", "an object with query and relevant")
    query, collection = data.get("query"), data.get("collection")
    if not isinstance(query, str) or not query.strip():
        raise _BadLine("query", "no text", "the text of the query")
    if collection is not None and not isinstance(collection, str):
        raise _BadLine("collection", "not a name", "the name of a collection, or nothing")
    return Probe(query, collection, _grades(data.get("relevant")))


def _grades(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise _BadLine("relevant", "no object", "grades by document: {id: 1, ...}")
    for grade in value.values():
        if type(grade) not in (int, float) or not math.isfinite(grade) or grade < 0:
            raise _BadLine("relevant", "a grade that is none", "numbers from 0 up")
    relevant = {name: float(grade) for name, grade in value.items() if grade > 0}
    if not relevant:
        raise _BadLine("relevant", "nothing relevant", "a grade above 0 for one document at least")
    return relevant

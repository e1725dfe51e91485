"""Figures of a process for exporters, who ask from threads of their own.

They are told on the event loop, where they change, in steps between which searches get their turn. It is
asked once for all that is exported together; one that hangs keeps an exporter for `FIGURES_TIMEOUT`, once.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from proxy.figures import (
    CACHE_FIGURES,
    CONNECTION_FIGURES,
    FEEDBACK_FIGURES,
    HARM_FIGURES,
    LOOP_FIGURES,
    MEMORY_FIGURES,
    MODEL_FIGURES,
    POLICY_FIGURES,
    POST_FIGURES,
    RECORD_FIGURES,
    REFERENCE_FIGURES,
    RELOAD_FIGURES,
    SHADOW_FIGURES,
    SHARE_FIGURES,
)
from proxy.proof import in_steps
from proxy.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.proof import Steps
    from proxy.tasks import Tasks
    from proxy.telemetry import Telemetry, Told

    # What tells figures, by the name of their table.
    Tellers = Mapping[str, Callable[[], Steps]]

# Seconds that an exporter waits for all tables together.
FIGURES_TIMEOUT = 1.0
# Seconds within which what is asked for is of one export: it comes metric by metric.
_ONE_EXPORT = 0.1

_COLLECTION = (names.STORE, names.DB_COLLECTION)
# The tables of figures by the names under which they are told, and what tells their rows apart.
_TABLES = {
    "models": (MODEL_FIGURES, (names.RERANKER_MODEL,)),
    "caches": (CACHE_FIGURES, (names.CACHE,)),
    "connections": (CONNECTION_FIGURES, (names.STORE,)),
    "loop": (LOOP_FIGURES, ()),
    "memory": (MEMORY_FIGURES, ()),
    "shares": (SHARE_FIGURES, (names.KIND,)),
    "shadow": (SHADOW_FIGURES, _COLLECTION),
    "feedback": (FEEDBACK_FIGURES, _COLLECTION),
    "harm": (HARM_FIGURES, _COLLECTION),
    "posts": (POST_FIGURES, ()),
    "reference": (REFERENCE_FIGURES, ()),
    "records": (RECORD_FIGURES, ()),
    "policy": (POLICY_FIGURES, ()),
    "reloads": (RELOAD_FIGURES, (names.RESULT,)),
}


def export_figures(telemetry: Telemetry, figures: Callable[[], Tellers], tasks: Tasks) -> None:
    """Have exporters tell the figures that there are at the time; call it on the event loop."""
    asked = _Asked(figures, tasks)
    for table, (exported, labels) in _TABLES.items():
        telemetry.watch(exported, labels, partial(asked.told, table))


class _Question(NamedTuple):
    """What the event loop was asked at a time, the tables that it has told since, and when it was done."""

    asked: float
    tables: dict[str, Told]
    answered: Future[float]


class _Asked:
    """Asks the event loop for the figures of all tables, from any thread."""

    def __init__(self, figures: Callable[[], Tellers], tasks: Tasks) -> None:
        self._loop = asyncio.get_running_loop()
        self._figures = figures
        self._tasks = tasks
        self._one_at_a_time = threading.Lock()
        self._last: _Question | None = None

    def told(self, table: str) -> Told:
        """Return a table as it is told of late; nothing if the loop is gone, or hangs."""
        question = self._question()
        # Who has not told all by then has told some.
        with suppress(TimeoutError):
            question.answered.result(max(0.0, question.asked + FIGURES_TIMEOUT - perf_counter()))
        return question.tables.get(table, {})

    def _question(self) -> _Question:
        """Return the question that is open, or was a moment ago: they don't pile up at a loop that hangs."""
        with self._one_at_a_time:
            last, now = self._last, perf_counter()
            if last is None or (last.answered.done() and now - last.answered.result() > _ONE_EXPORT):
                last = self._last = _Question(now, {}, Future())
                self._ask(last)
            return last

    def _ask(self, question: _Question) -> None:
        try:
            self._loop.call_soon_threadsafe(lambda: self._tasks.spawn(self._tell(question), "figures"))
        except RuntimeError:  # the loop is closed
            question.answered.set_result(perf_counter())

    async def _tell(self, question: _Question) -> None:
        try:
            for table, steps in self._figures().items():
                question.tables[table] = dict([step async for step in in_steps(steps())])
        finally:
            question.answered.set_result(perf_counter())

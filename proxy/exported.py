"""Figures of a process for exporters, who ask from threads of their own.

They are told on the event loop, where they change, in steps between which searches get their turn.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

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

# Seconds that an exporter waits.
FIGURES_TIMEOUT = 1.0

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


def export_figures(
    telemetry: Telemetry, figures: Callable[[], Mapping[str, Callable[[], Steps]]], tasks: Tasks
) -> None:
    """Have exporters tell the figures that there are at the time; call it on the event loop."""
    loop = asyncio.get_running_loop()
    for table, (exported, labels) in _TABLES.items():
        telemetry.watch(exported, labels, partial(_ask, loop, table, figures, tasks))


def _ask(
    loop: asyncio.AbstractEventLoop,
    table: str,
    figures: Callable[[], Mapping[str, Callable[[], Steps]]],
    tasks: Tasks,
) -> Told:
    """Wait in the calling thread for what the event loop tells; nothing if that is gone."""
    answer: Future[Told] = Future()

    async def tell() -> None:
        steps = figures().get(table)
        answer.set_result({} if steps is None else dict([step async for step in in_steps(steps())]))

    try:
        loop.call_soon_threadsafe(lambda: tasks.spawn(tell(), "figures"))
        return answer.result(FIGURES_TIMEOUT)
    except (TimeoutError, RuntimeError):
        return {}

"""Background tasks are named, kept and ended."""

from __future__ import annotations

import asyncio
import logging

from proxy import tasks as module
from proxy.tasks import Tasks


async def test_a_task_runs_under_its_name_and_is_forgotten_when_done():
    tasks = Tasks()

    async def work():
        return asyncio.current_task().get_name()

    task = tasks.spawn(work(), "mine")

    assert len(tasks) == 1
    assert await task == "mine"
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_a_task_that_fails_is_logged(caplog):
    tasks = Tasks()

    async def fail():
        raise ZeroDivisionError

    task = tasks.spawn(fail(), "mine")
    await asyncio.wait({task})
    await asyncio.sleep(0)

    (record,) = caplog.records
    assert (record.getMessage(), record.task, record.levelno) == (
        "background task failed",
        "mine",
        logging.ERROR,
    )


async def test_closing_cancels_what_runs():
    tasks = Tasks()
    task = tasks.spawn(asyncio.Event().wait(), "mine")

    await tasks.close()

    assert task.cancelled()


async def test_closing_leaves_a_task_behind_that_ignores_its_cancellation(monkeypatch, caplog):
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.01)
    tasks, release = Tasks(), asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = tasks.spawn(stubborn(), "mine")
    await asyncio.sleep(0)

    await tasks.close()

    assert caplog.messages == ["task ignores its cancellation"]
    release.set()
    await task

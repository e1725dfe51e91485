"""What every test gets: hypothesis profiles, and a guard that fails a test which blocks the event loop."""

from __future__ import annotations

import inspect
import logging
import os
from typing import TYPE_CHECKING

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def unblocked_event_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a coroutine test in which midrank's own code blocks the loop (files, locks, sleeps, sockets)."""
    if not inspect.iscoroutinefunction(getattr(request.function, "__func__", request.function)):
        yield
        return
    with blockbuster_ctx("proxy"):
        yield


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo what a command has set up: its handlers would write to the streams of a test that is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)

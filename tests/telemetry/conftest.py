"""A collector, and the variables that name it."""

from __future__ import annotations

import pytest

from tests.fakes.otlp_receiver import otlp_receiver


@pytest.fixture
def collector():
    with otlp_receiver() as collected:
        yield collected


@pytest.fixture
def variables(monkeypatch):
    """Set variables for one test; what telemetry sets by itself goes with them."""
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")

    def set_all(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"OTEL_{name}", value)

    return set_all

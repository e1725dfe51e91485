"""midrank as a process, in front of stores that are processes too, and its policy in a ConfigMap."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.fakes.scene import Scene


@pytest.fixture
def scene(tmp_path):
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)

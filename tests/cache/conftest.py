"""Servers for caches."""

from __future__ import annotations

import pytest

from tests.fakes.redis_server import redis_server


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for tests that leave it as it was but for its keys."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(tmp_path):
    """A server to do harm to."""
    with redis_server(tmp_path) as server:
        yield server

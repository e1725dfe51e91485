"""The stores by themselves: what midrank relies on, asked of the real thing."""

from __future__ import annotations

import httpx
import pytest

from tests.fakes.servers import chroma_server, qdrant_server


@pytest.fixture(scope="session")
def chroma():
    with chroma_server() as address, httpx.Client(base_url=address.url) as client:
        yield client


@pytest.fixture(scope="session")
def qdrant():
    with (
        qdrant_server("--api-key", "secret") as address,
        httpx.Client(base_url=address.url, headers={"api-key": "secret"}) as client,
    ):
        yield client

"""The stores by themselves: what midrank relies on, asked of the real thing."""

from __future__ import annotations

import pytest

from tests.fakes.servers import chroma_server, qdrant_server

httpx = pytest.importorskip("httpx", reason="no httpx: pip install 'midrank[clients]'")
for client in ("chromadb", "qdrant_client"):
    pytest.importorskip(client, reason=f"no {client}: pip install 'midrank[clients]'")


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

"""A client for the tests that need no more of a scorer."""

from __future__ import annotations

import pytest

from proxy.scoring.remote.http import RemoteHttp


@pytest.fixture
async def http():
    client = RemoteHttp(max_bytes=4 * 2**20)
    await client.start()
    yield client
    await client.close()

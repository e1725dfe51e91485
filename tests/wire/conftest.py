"""A listener in front of any store, on the event loop of production and on the standard one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvloop

from proxy.listeners.http import HttpListener
from proxy.upstream.http import HttpUpstream
from tests.fakes.exchanges import PassAll
from tests.fakes.raw_http import RawStore, connected


def pytest_asyncio_loop_factories(config, item):
    """Run every test here on both loops: the standard one, and the one that serves."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def front():
    """Start listeners: `await front(store_url, exchange=..., limits=..., **upstream)` -> HttpListener."""
    async with AsyncExitStack() as stack:

        async def start(store_url, *, exchange=None, limits=None, **upstream_options):
            upstream = await stack.enter_async_context(HttpUpstream(store_url, **upstream_options))
            make = exchange if callable(exchange) else lambda _: exchange or PassAll()
            listener = HttpListener(make(upstream), upstream, host="127.0.0.1", port=0, limits=limits)
            await listener.start()
            stack.push_async_callback(listener.close, 0.0)
            return listener

        yield start


@pytest.fixture
def wired(front):
    """`async with wired(answer) as (client, store)`: a client, a listener and a store in a row."""

    @asynccontextmanager
    async def start(answer=None, *, store=None, **options):
        async with store or (RawStore(answer) if answer is not None else RawStore()) as running:
            listener = await front(running.url, **options)
            async with connected(listener.address) as client:
                yield client, running

    return start

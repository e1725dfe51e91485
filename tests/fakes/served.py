"""A server in a thread with an event loop of its own, for tests of commands, which block the calling one."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager


@contextmanager
def served(make):
    """Run an async context manager; give what it gives."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = make()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

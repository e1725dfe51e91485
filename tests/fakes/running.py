"""midrank in a thread of its own, for tests whose clients block the calling thread."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.app import App
from tests.fakes.servers import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.policy import Policy
    from proxy.scoring.base import Scorer

LOAD_TIMEOUT = 300.0  # seconds; the first start ever exports the model
JOIN_TIMEOUT = 30.0  # seconds; a thread that outlives this would hang the test run in silence


@contextmanager
def running(
    policy: Policy, scorers: Mapping[str, Scorer] | None = None, *, warm: bool = False
) -> Iterator[Mapping[str, Address]]:
    """Run midrank; give every store's address by its name, and the rerank API's by `rerank_api`.

    `scorers` stand in for models of the policy; `warm` waits until the policy's own models are loaded.
    """

    async def started() -> App:
        app = App(policy, scorers=scorers)
        await app.start()
        return app

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="midrank")
    thread.start()
    try:
        app = asyncio.run_coroutine_threadsafe(started(), loop).result(JOIN_TIMEOUT)
        try:
            if warm:
                asyncio.run_coroutine_threadsafe(app.loaded(), loop).result(LOAD_TIMEOUT)
            api = {"rerank_api": app.rerank_api_address} if app.rerank_api_address else {}
            yield {name: Address(*address) for name, address in (app.addresses | api).items()}
        finally:
            asyncio.run_coroutine_threadsafe(app.close(), loop).result(JOIN_TIMEOUT)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(JOIN_TIMEOUT)
        loop.close()

"""Remote scorers in front of fake APIs, as the tests want them."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from proxy.scoring.base import ScoreJob
from proxy.scoring.remote.api_key import ApiKey
from proxy.scoring.remote.asking import Api, Asking
from proxy.scoring.remote.dialects import DIALECTS
from proxy.scoring.remote.from_policy import whole
from proxy.scoring.remote.http import RemoteHttp
from proxy.scoring.remote.remote import Limits, Remote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fakes.rerank_server import RerankServer

# What answers within it is in time on any machine; what is to be late waits for it.
LONG, SHORT = 30.0, 0.05
NO_KEY = ApiKey(None, None, time.monotonic)


def texts(*scores: float) -> tuple[str, ...]:
    """Return texts that a fake API scores like that."""
    return tuple(f"passage {place}: {score}" for place, score in enumerate(scores))


def api(*servers: RerankServer, retry_share: float = 0.0, hedge_share: float = 0.0) -> Api:
    """Return some servers as endpoints of one API; nothing is asked twice unless it is said."""
    dialect = DIALECTS[servers[0].dialect]
    urls = tuple(whole(server.url, dialect.path) for server in servers)
    return Api(dialect, urls, "model-1", retry_share, hedge_share)


def asking(
    api: Api,
    http: RemoteHttp,
    *,
    key: ApiKey = NO_KEY,
    clock: Callable[[], float] = time.monotonic,
    linger: float = 0.0,
) -> Asking:
    """Return what asks an API."""
    return Asking(api, http, key, name="remote", clock=clock, room=lambda: True, linger=linger)


@asynccontextmanager
async def remote(
    api: Api,
    *,
    max_batch: int = 1000,
    max_tokens: int = 512,
    concurrency: int = 8,
    linger: float = 2.0,
    secret: str | None = None,
    pointwise: bool = True,
) -> AsyncIterator[Remote]:
    """Yield a started scorer."""
    scorer = Remote(
        api,
        RemoteHttp(),
        ApiKey(SecretStr(secret) if secret else None, None, time.monotonic),
        name="remote",
        limits=Limits(max_batch, max_tokens, concurrency),
        linger=linger,
        pointwise=pointwise,
    )
    await scorer.start()
    try:
        yield scorer
    finally:
        await scorer.close()


def in_time(seconds: float = LONG) -> float:
    """Return a deadline."""
    return asyncio.get_running_loop().time() + seconds


def job(*scores: float, query: str = "what is this?", seconds: float = LONG, **more) -> ScoreJob:
    """Return the job of scoring texts that a fake API scores like that."""
    return ScoreJob(query, texts(*scores), in_time(seconds), **more)


def no_nan(values) -> list[float]:
    """Return the scores that are there, rounded, None for the others."""
    return [None if math.isnan(value) else round(value, 4) for value in values.tolist()]

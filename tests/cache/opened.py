"""Caches on real servers, and how to wait for them."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import replace

from proxy.cache.base import SHARED
from proxy.cache.redis import RedisCache
from proxy.cache.redis_settings import RedisSettings

# Long enough for a machine that is busy with something else: what is tested with it is not speed.
PATIENT = RedisSettings("", timeout=1.0, sync_seconds=0.02)


@asynccontextmanager
async def redis_cache(url, secret=b"secret", *, hear=None, **settings):
    """Give a cache that has found its server."""
    cache = RedisCache(replace(PATIENT, url=url, **settings), secret)
    if hear is not None:
        cache.feed.subscribe(hear)
    await cache.start()
    try:
        await until(lambda: cache.figures()["up"])
        yield cache
    finally:
        await cache.close()


async def until(come_true):
    """Wait for what nobody tells of."""
    async with asyncio.timeout(20):
        while not come_true():  # noqa: ASYNC110 (there is no event for it)
            await asyncio.sleep(0.002)


async def until_found(cache, keys):
    """Wait until what was put, here or elsewhere, can be read; return the values."""
    async with asyncio.timeout(20):
        while None in (values := await cache.get_many(keys)):  # noqa: ASYNC110 (there is no event for it)
            await asyncio.sleep(0.002)
    return values


async def until_gone(cache, keys):
    """Wait until none of the keys can be read."""
    async with asyncio.timeout(20):
        while any(await cache.get_many(keys)):  # noqa: ASYNC110 (there is no event for it)
            await asyncio.sleep(0.002)


def pairs(count, query=None):
    """Return what could be put: keys of one query, and values."""
    query = query or os.urandom(SHARED)
    return {query + os.urandom(16): os.urandom(4) for _ in range(count)}


def errors(cache):
    """Return what has been counted, by kind."""
    figures = cache.figures().items()
    return {name.removeprefix("errors_"): n for name, n in figures if name.startswith("errors_") and n}

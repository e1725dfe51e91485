"""A store whose documents never end: every search finds some that were never seen, so all caches fill up.

    python -m tests.benchmarks.soak_store --port 9100

Speaks just enough of Chroma's HTTP API to be searched and written to through midrank.
"""

from __future__ import annotations

import argparse
import random

import orjson
from aiohttp import web

from tests.benchmarks.prose import WORDS
from tests.fakes.fixed_store import COLLECTION, COLLECTIONS_PATH

# Documents that many searches find; the others are found once.
COMMON = 2000
SHARE_COMMON = 0.8
LENGTHS = (30, 120)  # words


def passage(number: int) -> str:
    """Return the text of a document."""
    draw = random.Random(number)
    start = draw.randrange(len(WORDS) - LENGTHS[1])
    return f"{number} " + " ".join(WORDS[start : start + draw.randint(*LENGTHS)])


async def query(request: web.Request) -> web.Response:
    """Answer a search with as many documents as it wants."""
    body = orjson.loads(await request.read())
    draw = random.Random()
    numbers = [
        draw.randrange(COMMON) if draw.random() < SHARE_COMMON else draw.randrange(COMMON, 10**9)
        for _ in range(body["n_results"])
    ]
    page = {
        "ids": [[f"{number}-{place}" for place, number in enumerate(numbers)]],
        "distances": [[place / 1000 for place in range(len(numbers))]],
        "documents": [[passage(number) for number in numbers]],
        "metadatas": [[{"number": number} for number in numbers]],
        "embeddings": None,
        "uris": None,
        "include": ["metadatas", "documents", "distances"],
    }
    return web.json_response(body=orjson.dumps(page))


async def other(request: web.Request) -> web.Response:
    """Answer everything else; what is written is thrown away."""
    await request.read()
    if request.path == COLLECTIONS_PATH:
        return web.json_response([{"id": COLLECTION, "name": "load"}])
    return web.json_response({})


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    app = web.Application(client_max_size=2**26)
    app.router.add_post(f"{COLLECTIONS_PATH}/{COLLECTION}/query", query)
    app.router.add_route("*", "/{path:.*}", other)
    web.run_app(app, host="127.0.0.1", port=parser.parse_args().port, print=None, access_log=None)


if __name__ == "__main__":
    main()

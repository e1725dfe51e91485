"""A midrank that has everything switched on, its traffic, and a real Prometheus that scrapes it.

All in front of one store that answers every search with the same page: what is looked at here is that every
metric that dashboards and rules ask for is told, with its labels, not what the figures are.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import orjson
import yaml

from tests.deploy.dashboards_queries import FOLDER
from tests.fakes import fixed_store
from tests.fakes.llm_server import LlmServer
from tests.fakes.rerank_server import Exchange, RerankServer
from tests.fakes.served import served
from tests.fakes.servers import Address, child, free_address, nobody_listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROMETHEUS = shutil.which("prometheus")
# Stores that searches go to, each with a rule of its own; the store behind them is the same.
STORES = ("docs", "shadowed", "tried", "split", "hosted", "hasty", "failing", "talked", "lost")
PATIENCE = 30.0  # seconds until something is given up that takes one or two
# A rate takes two scrapes, and what begins at its first scrape has grown by nothing before the second.
ROUNDS = 2
SCRAPES_A_ROUND = 2
HASTE = 0.1  # seconds; a budget that is missed
SCRAPE_INTERVAL = "500ms"


class Live(NamedTuple):
    """What runs: Prometheus, and the figures of midrank as text."""

    prometheus: Address | None
    midrank: Address

    @property
    def text(self) -> str:
        """The figures as midrank tells them."""
        with urlopen(f"{self.midrank.url}/metrics", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data that Prometheus' API answers with."""
        assert self.prometheus is not None
        answer = _get(f"{self.prometheus.url}/api/v1/{path}?{urlencode(parameters)}")
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expr: str) -> list[float]:
        """Return the values of a query's series; those that are not a number left out."""
        found = [float(series["value"][1]) for series in self.ask("query", query=expr)["result"]]
        return [value for value in found if value == value]  # noqa: PLR0124 - NaN is not itself


@contextmanager
def live(folder: Path) -> Iterator[Live]:
    """Start all of it, send searches of every kind, and wait until they have been scraped."""
    with ExitStack() as stack:
        store = free_address()
        command = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(store.port)]
        stack.enter_context(child(command, store.url))
        gone = stack.enter_context(nobody_listening())
        apis = {
            name: stack.enter_context(served(partial(RerankServer, "tei", behaviour)))
            for name, behaviour in {"judge": _by_place, "busy": _too_busy, "slow": _slow}.items()
        }
        urls = {name: api.url for name, api in apis.items()}
        urls["talker"] = stack.enter_context(served(LlmServer)).url
        doors = {name: free_address() for name in (*STORES, "feedback", "admin")}
        policy = _policy(doors, store, gone, folder, urls)
        file = folder / "policy.yaml"
        file.write_bytes(orjson.dumps(policy))
        prometheus = stack.enter_context(_prometheus(folder, doors["admin"])) if PROMETHEUS else None
        command = [sys.executable, "-m", "proxy", "run", "--policy", str(file)]
        pid = stack.enter_context(child(command, f"{doors['admin'].url}/warm"))
        running = Live(prometheus, doors["admin"])
        for number in range(ROUNDS):
            _search(doors, number)
            _miss_a_budget(doors, running, pid, apis["slow"])
            _scraped(running)
        policy["rules"][-1]["budget_ms"] = 20_000
        file.write_bytes(orjson.dumps(policy))
        _until(lambda: "midrank_policy_generation 2.0" in running.text)
        file.write_text("stores: []")
        _until(lambda: "midrank_policy_rejected 1.0" in running.text)
        _search(doors, ROUNDS)
        _scraped(running)
        yield running


def _policy(
    doors: dict[str, Address], store: Address, gone: Address, folder: Path, urls: dict[str, str]
) -> dict[str, Any]:
    listen = {name: f"{door.host}:{door.port}" for name, door in doors.items()}
    upstreams = {name: gone.url if name == "lost" else store.url for name in STORES}
    probes = folder / "probes.jsonl"
    probes.write_bytes(orjson.dumps({"query": _query("docs", 0, 0), "relevant": {"row-3": 1}}))
    tei = {"kind": "remote", "dialect": "tei"}
    patient = {"budget_ms": 30_000}
    return {
        "stores": [
            {"name": name, "kind": "chroma", "listen": listen[name], "upstream": upstreams[name]}
            for name in STORES
        ],
        "models": {
            "default": {"kind": "late_interaction", "memory_mb": 16},
            "judge": {**tei, "url": urls["judge"]},
            "slow": {**tei, "url": urls["slow"], "breaker": {"enabled": False}},
            "busy": {**tei, "url": urls["busy"], "retry_share": 0.5},
            "broken": {
                **tei,
                "url": gone.url,
                "breaker": {"min_calls": 1, "open_s": 3600, "max_open_s": 3600},
            },
            "talker": {
                "kind": "llm",
                "api": "openai",
                "url": urls["talker"],
                "model": "talker",
                "prices": {"input": 1, "output": 2},
            },
        },
        "rules": [
            {"match": {"store": "shadowed"}, "mode": "shadow", **patient},
            {"match": {"store": "tried"}, "experiment": {"kind": "interleave"}, **patient},
            {
                "match": {"store": "split"},
                "experiment": {"kind": "ab", "header": "x-user-id", "share": 0.5},
                **patient,
            },
            {"match": {"store": "hosted"}, "rerank": ["judge"], "cache": {"exact": "off"}, **patient},
            {"match": {"store": "hasty"}, "rerank": ["slow"], "budget_ms": HASTE * 1000},
            {"match": {"store": "failing"}, "rerank": ["busy", "broken", "default"], **patient},
            {"match": {"store": "talked"}, "rerank": ["talker"], "cache": {"exact": "off"}, **patient},
            {"cache": {"semantic": {"audit": 1.0, "min_coverage": 0.1}}, **patient},
        ],
        "cache": {"redis": {"url": f"redis://{gone.host}:{gone.port}/0"}},
        "secret": "a secret of sixteen letters or more",
        "record": {"folder": str(folder / "records")},
        "feedback": {"listen": listen["feedback"], "remember_s": 1},
        "harm_guard": {"probes": str(probes), "reference": "judge", "reference_share": 1.0},
        "memory_limit_mb": 2048,
        "admin": listen["admin"],
    }


async def _by_place(exchange: Exchange) -> None:
    """Score texts the higher the later they come: the opposite of the store's order."""
    rows = [{"index": place, "score": place / 100} for place in range(len(exchange.asked.texts))]
    exchange.send(exchange.asked.answer(rows[::-1]))


async def _slow(exchange: Exchange) -> None:
    """Answer when nobody waits any more: who waited took its whole budget, and a little more."""
    await asyncio.sleep(1)
    await _by_place(exchange)


async def _too_busy(exchange: Exchange) -> None:
    exchange.send(b"{}", "429 Too Many Requests", "retry-after: 0")


def _query(store: str, number: int, place: int) -> str:
    """Return what is asked: of three searches the last one repeats the first in nearly the same words."""
    words = f"how do passages of {store} get made in the {('spring', 'summer', 'autumn', 'winter')[number]}"
    return (words, f"what is passage {place} about in {number} words", f"{words}?")[place]


def _search(doors: dict[str, Address], number: int) -> None:
    """Search in every store, say of every answer what was of use, and write a document."""
    for name in STORES:
        for place in range(3):
            asked = {"x-midrank-query": quote(_query(name, number, place)), "x-user-id": f"{number} {place}"}
            answer = _posted(doors[name].url + fixed_store.QUERY_PATH, fixed_store.query(), asked)
            if exchange := answer.get("x-midrank-exchange"):
                used = {"exchange": exchange, "used": ["row-1", "row-3", "row-7"]}
                _posted(f"{doors['feedback'].url}/v1/feedback", orjson.dumps(used))
    written = {"ids": [str(number)], "embeddings": [[0.5]], "documents": [f"document {number}"]}
    _posted(doors["docs"].url + fixed_store.QUERY_PATH.replace("/query", "/add"), orjson.dumps(written))


def _miss_a_budget(doors: dict[str, Address], running: Live, pid: int, slow: RerankServer) -> None:
    """Stop the process while it has a search under way, for longer than that may take."""
    before = _missed(running.text)
    url = doors["hasty"].url + fixed_store.QUERY_PATH

    def missed() -> bool:
        asked = len(slow.asked)
        headers = {"x-midrank-query": f"haste{time.monotonic_ns()}"}  # new each time: scores are kept
        search = threading.Thread(target=_posted, args=(url, fixed_store.query(), headers))
        search.start()
        _until(lambda: len(slow.asked) > asked or not search.is_alive())
        # After a stop it takes itself for slow, and leaves searches alone that have so little time.
        if search.is_alive():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(HASTE)
            os.kill(pid, signal.SIGCONT)
        search.join()
        return _missed(running.text) > before

    _until(missed)


def _missed(text: str) -> float:
    """Return how many budgets were missed."""
    counted = re.search(
        r'^midrank_budget_overshoot_seconds_count{midrank_store="hasty"} (\S+)$', text, re.MULTILINE
    )
    return float(counted[1]) if counted else 0.0


def _posted(url: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Return the headers of the answer, whatever its status."""
    request = Request(url, body, {"content-type": "application/json", **headers})
    try:
        with urlopen(request, timeout=PATIENCE) as answer:
            return answer.headers
    except HTTPError as refused:
        return refused.headers


@contextmanager
def _prometheus(folder: Path, scraped: Address) -> Iterator[Address]:
    address = free_address()
    targets = [
        {"targets": [f"{scraped.host}:{scraped.port}"], "labels": {"namespace": "shop", "pod": "rag-0"}}
    ]
    config = folder / "prometheus.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL},
                "rule_files": [str(FOLDER / "rules.yaml")],
                "scrape_configs": [{"job_name": "midrank", "static_configs": targets}],
            }
        )
    )
    command = [
        str(PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address.host}:{address.port}",
        "--log.level=warn",
    ]
    with child(command, f"{address.url}/-/ready"):
        yield address


def _scraped(running: Live) -> None:
    """Wait until Prometheus, if there is one, has scraped a few times more."""
    if running.prometheus is not None:
        enough = _scrapes(running) + SCRAPES_A_ROUND
        _until(lambda: _scrapes(running) >= enough)


def _scrapes(running: Live) -> float:
    return sum(running.values("sum_over_time(up[1h])"))


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)  # neither midrank nor Prometheus tells anybody


def _get(url: str) -> Any:
    with urlopen(url, timeout=PATIENCE) as answer:
        return orjson.loads(answer.read())

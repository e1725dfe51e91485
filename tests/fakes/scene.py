"""midrank as a process, in front of stores that are processes too, and its policy in a ConfigMap."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson

from tests.fakes.config_map import ConfigMap
from tests.fakes.marked_rows import page
from tests.fakes.process import Running, midrank
from tests.fakes.servers import Address, child, free_address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Scene:
    """Two stores, and midrank in front of one of them at a time."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._folder = folder
        self.stores = {name: self._store(name) for name in ("one", "two")}
        self.listen, self.admin = free_address(), free_address()
        folder = folder / "etc"
        folder.mkdir()
        self.config_map = ConfigMap(folder)

    def policy(
        self,
        window: int = 12,
        order: str = "last",
        store: str = "one",
        listen: Address | None = None,
        admin: Address | None = None,
        **more: Any,
    ) -> bytes:
        """Return a policy whose pages are `page(store, window, order)`."""
        listen, admin, upstream = listen or self.listen, admin or self.admin, self.stores[store].url
        ranked = {
            "rerank": [order],
            "candidates": {"min": window, "max": window},
            "budget_ms": 30_000,
            "cache": {"exact": "off"},
        }
        return orjson.dumps(
            {
                "stores": [
                    {"kind": "chroma", "listen": _told(listen), "upstream": upstream, "name": "store"}
                ],
                "models": {order: {"kind": "remote", "dialect": "tei", "url": f"{upstream}/{order}"}},
                "rules": [ranked],
                "admin": _told(admin),
                **more,
            }
        )

    def page(self, window: int = 12, order: str = "last", store: str = "one") -> list[str]:
        """Return the page of a policy."""
        return page(store, window, order)

    def nth_policy(self, number: int) -> bytes:
        """Return another policy each time: two that take turns, now and then another model and store."""
        if number % 10 == 5:
            return self.policy(window=20, order="middle", store="two")
        return self.policy(window=20 if number % 2 == 0 else 12)

    @property
    def pages(self) -> list[list[str]]:
        """The pages of these policies."""
        return [self.page(), self.page(window=20), self.page(window=20, order="middle", store="two")]

    async def change(self, running: Running, number: int) -> None:
        """Put the next policy in place, and wait until it is in use."""
        await asyncio.to_thread(self.config_map.put, {"policy.yaml": self.nth_policy(number)})
        await asyncio.to_thread(running.wait_for, "policy taken", number + 1)

    def midrank(
        self,
        *options: str,
        policy: bytes | None = None,
        within: Sequence[str] = (),
        log_to: int | None = None,
        **environment: str,
    ) -> Running:
        """Run it, warm, until the test ends; see `process.midrank`."""
        self.config_map.put({"policy.yaml": policy or self.policy()})
        path = self.config_map.folder / "policy.yaml"
        ran = midrank(path, self.admin, *options, within=within, log_to=log_to, **environment)
        running = self._stack.enter_context(ran)
        running.until(lambda: running.answers("/warm"), "warm models")
        return running

    def place(self, number: int) -> tuple[Path, Address, Address]:
        """Return another place to run it at: the file of its policy, and the addresses in it."""
        listen, admin = free_address(), free_address()
        path = self._folder / f"replica-{number}" / "policy.yaml"
        path.parent.mkdir()
        path.write_bytes(self.policy(listen=listen, admin=admin))
        return path, listen, admin

    def _store(self, name: str) -> Address:
        address = free_address()
        command = [sys.executable, "-m", "tests.fakes.marked_rows", "--port", str(address.port)]
        self._stack.enter_context(child([*command, "--name", name], address.url))
        return address


def _told(address: Address) -> str:
    return f"{address.host}:{address.port}"


class Replica:
    """One of those behind the balancer, which comes back where it was."""

    def __init__(self, scene: Scene, number: int, delay: float) -> None:
        """Take its number, and the seconds for which it goes on once it is told to end."""
        self._policy, self.listen, self.admin = scene.place(number)
        self._delay = delay
        self._process = ExitStack()

    def start(self) -> None:
        """Run it, warm."""
        options = ("--drain-delay-seconds", str(self._delay))
        self.running = self._process.enter_context(midrank(self._policy, self.admin, *options))
        self.running.until(lambda: self.running.answers("/warm"), "warm models")

    def stop(self) -> int:
        """End it and return its exit code."""
        self.running.signal(signal.SIGTERM)
        code = self.running.wait()
        self._process.close()
        return code

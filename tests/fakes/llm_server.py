"""A chat model on a real socket: it speaks OpenAI's API and Anthropic's, reads prompts, and fails on demand.

How relevant a text is stands in the text: `[7] some words` deserves 7 points of 10. The model reads what
stands inside of true fences alone, as a good one should. What it is asked is kept in `asked`.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

_NONCE = re.compile(r"tags that end in (\w+)\.")
_POINTS = re.compile(r"\[(\d+)\]")
_LABELS = ("no", "partly", "mostly", "yes")


class Asked(NamedTuple):
    """One request, as the model sees it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    system: str
    user: str
    documents: tuple[str, ...]

    @property
    def points(self) -> tuple[int, ...]:
        """How relevant the documents say they are."""
        return tuple(int(found[1]) if (found := _POINTS.search(text)) else 0 for text in self.documents)

    @property
    def grades(self) -> bool:
        """Whether one document is to be graded, and not many put in order."""
        return '"grade"' in self.user


class Fault(NamedTuple):
    """What is answered in place of an answer; a `status` of 0 is none: the connection is closed."""

    status: int = 500
    body: bytes = b'{"error": {"message": "a secret of the server"}}'
    headers: dict[str, str] = {}  # noqa: RUF012 - read only


def sensible(asked: Asked) -> str:
    """Answer as a good model would."""
    if not asked.grades:
        places = sorted(range(len(asked.points)), key=lambda place: -asked.points[place])
        return orjson.dumps({"ranking": [place + 1 for place in places]}).decode()
    points = asked.points[0]
    grade = _LABELS[min(3, points // 3)] if '"yes"' in asked.user else points
    return orjson.dumps({"grade": grade}).decode()


@dataclass
class LlmServer:
    """A server; to be used as an async context manager, which gives itself once it listens.

    The next requests get what stands in `faults`, if anything. `gate`, when cleared, holds all answers back.
    `usage` is told if it is set: tokens of prompt and answer.
    """

    say: Callable[[Asked], str] = sensible
    faults: deque[Fault] = field(default_factory=deque)
    usage: tuple[int, int] | None = (1000, 10)
    asked: list[Asked] = field(default_factory=list, repr=False)
    gate: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    _runner: web.AppRunner | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        self.gate.set()
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/chat/completions", self._openai)
        app.router.add_post("/v1/messages", self._anthropic)
        # What is still held back at the end is let go of.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def until_asked(self, times: int) -> None:
        """Wait until so many requests have come."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.asked) >= times)

    async def _openai(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        *before, last = (message["content"] for message in body["messages"])
        text = await self._answer(request, body, before[0] if before else "", last)
        if isinstance(text, web.Response):
            return text
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if "tools" in body:
            call = {"type": "function", "function": {"name": "x", "arguments": text}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        answer: dict[str, Any] = {"choices": [{"message": message, "finish_reason": "stop"}]}
        if self.usage:
            answer["usage"] = dict(zip(("prompt_tokens", "completion_tokens"), self.usage, strict=True))
        return web.json_response(answer)

    async def _anthropic(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        text = await self._answer(request, body, body.get("system", ""), body["messages"][0]["content"])
        if isinstance(text, web.Response):
            return text
        block: dict[str, Any] = {"type": "text", "text": text}
        if "tools" in body:
            block = {"type": "tool_use", "name": "x", "input": orjson.loads(text)}
        answer = {"content": [block], "stop_reason": "tool_use" if "tools" in body else "end_turn"}
        if self.usage:
            answer["usage"] = dict(zip(("input_tokens", "output_tokens"), self.usage, strict=True))
        return web.json_response(answer)

    async def _answer(
        self, request: web.Request, body: dict[str, Any], system: str, user: str
    ) -> str | web.Response:
        asked = Asked(request.path, dict(request.headers), body, system, user, _documents(user))
        async with self.arrived:
            self.asked.append(asked)
            self.arrived.notify_all()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if not self.faults:
            return self.say(asked)
        fault = self.faults.popleft()
        if not fault.status:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=fault.status or 500, body=fault.body, headers=fault.headers)


def _documents(user: str) -> tuple[str, ...]:
    """Return the texts inside of true fences, in the order of their numbers."""
    nonce = found[1] if (found := _NONCE.search(user)) else ""
    fence = re.compile(rf'<document-{nonce}(?: number="(\d+)")?>\n(.*?)\n</document-{nonce}>', re.DOTALL)
    numbered = [(int(number or 1), text) for number, text in fence.findall(user)]
    return tuple(text for _, text in sorted(numbered))

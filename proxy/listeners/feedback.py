"""Where applications say which rows were of use.

    POST /v1/feedback    200 with how each object of the body was taken; what it says is read by `posts`

        {"exchange": "5f0c...", "used": ["doc 7"]}                       of an answer's `x-midrank-exchange`
        [{"trace": "4bf9...", "cited": [12, 15]}, {"exchange": ...}]     or of its trace; many at once

What is refused, in this order: another path (404) or method (405), a wrong key (401), a body that is not
called JSON or is coded (415), one above 256 KiB (413), more than the listener's share of the event loop
(429), and what is no feedback (400). Neither ids nor bodies are logged.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.bearer import BearerKey
from proxy.errors import Unanswerable
from proxy.evidence.posts import BadPost, read_posts
from proxy.listeners.door import Door
from proxy.listeners.http_connection import HttpLimits
from proxy.listeners.http_request import check, expects_continue
from proxy.listeners.http_response import Written, refusal, whole_answer
from proxy.model import WireResponse
from proxy.policy_base import split_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from proxy.evidence.feedback import Feedback, Heard
    from proxy.listeners.http_connection import Connection
    from proxy.policy_evidence import Feedback as FeedbackSettings

PATH = "/v1/feedback"
MAX_BODY = 256 * 1024
# Answers that are spoken of, each about 0.1 ms of the event loop: feedback gets some hundredths of it.
# Reading four KiB takes as long.
PER_SECOND, BURST = 500, 1000
BYTES_LIKE_ONE = 4096
# Heard in one go, about a millisecond: searches wait for their turn meanwhile.
AT_ONCE = 10
# Applications have few connections of this kind; the store's listeners have the others.
CONNECTIONS = 128


class Allowance:
    """What may be heard now: a bucket that fills at a steady rate. `clock` is in seconds."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = burst, clock()

    def takes(self, amount: float) -> bool:
        """Say whether there is that much left; if so, it is used up."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def owes(self, amount: float) -> None:
        """Use up what couldn't be told before; nothing is taken until as much has come in."""
        self._left -= amount


class FeedbackListener(Door):
    """Accepts what applications say about answers."""

    def __init__(
        self, settings: FeedbackSettings, feedback: Feedback, *, allowance: Allowance | None = None
    ) -> None:
        """Take where to listen and the key, and who hears."""
        host, port = split_address(settings.listen)
        super().__init__(
            host,
            port,
            owner=("(policy)", "feedback.listen"),
            limits=HttpLimits(connections=CONNECTIONS, search_body=MAX_BODY),
        )
        self._feedback = feedback
        self._key = BearerKey(settings.api_key)
        clock = asyncio.get_running_loop().time
        self._allowance = allowance or Allowance(PER_SECOND, BURST, clock)

    async def _answer(self, request: web.BaseRequest, client: Connection) -> web.StreamResponse:
        try:
            check(request)
        except Unanswerable as error:
            return Written(rest=refusal(error, request), keep_alive=False)
        answer = self._unread(request)
        # A body that is not read costs its connection: whatever of it still comes is no request.
        keep_alive = self._server.keeps_alive(request) and (answer is None or not request.body_exists)
        if answer is None:
            if expects_continue(request) and not request.content.is_eof():
                client.permit_body()
            body, whole = await client.read_body(request, MAX_BODY)
            keep_alive = keep_alive and whole
            answer = await self._heard(body) if whole else _too_large()
        return Written(rest=whole_answer(answer, request, keep_alive=keep_alive), keep_alive=keep_alive)

    def _unread(self, request: web.BaseRequest) -> WireResponse | None:
        """Answer a request by its head; None if its body is to be read."""
        headers = request.headers
        if request.path != PATH:
            return _error(404, "not_found", f"there is {PATH}")
        if request.method != "POST":
            return _error(405, "method_not_allowed", "feedback is a POST", ("allow", "POST"))
        if not self._key.admits(headers.get("authorization", "")):
            why = "the key in `Authorization: Bearer KEY` is missing or wrong"
            return _error(401, "unauthorized", why, ("www-authenticate", "Bearer"))
        # A page can't send this type to another's address without asking first, and is not answered then.
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error(415, "unsupported_media_type", "a body is taken as application/json")
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            return _error(415, "unsupported_media_type", "a body is taken without content coding")
        if (request.content_length or 0) > MAX_BODY:
            return _too_large()
        return None

    async def _heard(self, body: bytes) -> WireResponse:
        # No fewer than there are objects in it, told before it is read.
        if not self._allowance.takes(body.count(b"{") + len(body) / BYTES_LIKE_ONE):
            return _error(429, "too_many_requests", "more than is taken in a second", ("retry-after", "1"))
        try:
            posts = read_posts(body)
        except BadPost as error:
            return _error(400, "bad_request", str(error))
        steps = ((place, step) for place, post in enumerate(posts) for step in self._feedback.hear(post))
        heard: dict[int, Heard] = {}
        for count, (place, step) in enumerate(steps, 1):
            # A trace speaks of many answers, of which the body has told one.
            self._allowance.owes(float(place in heard))
            heard[place] = step
            if not count % AT_ONCE:
                await asyncio.sleep(0)
        words = [one.word for one in heard.values()]
        told = {
            "taken": words.count("taken"),
            "unknown": words.count("unknown"),
            "unknown_ids": sum(one.unknown_ids for one in heard.values()),
        }
        return _answer(200, {**told, "items": words})


def _too_large() -> WireResponse:
    return _error(413, "content_too_large", f"a body may have {MAX_BODY // 1024} KiB")


def _error(status: int, error: str, message: str, *headers: tuple[str, str]) -> WireResponse:
    return _answer(status, {"error": error, "message": message}, *headers)


def _answer(status: int, content: object, *headers: tuple[str, str]) -> WireResponse:
    told = CIMultiDict((("content-type", "application/json"), *headers))
    return WireResponse(status, CIMultiDictProxy(told), orjson.dumps(content))

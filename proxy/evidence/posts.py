"""What applications post about answers, read strictly: a misspelt key should not be a silent no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from proxy.evidence.exchanges import Signal

MAX_POSTS = 256
MAX_IDS = 1000
# Of all posts of a body: some milliseconds of the event loop.
MAX_IDS_IN_ALL = 4096
MAX_ID = 1024

_EXCHANGE, _TRACE = re.compile(r"[0-9a-f]{16}"), re.compile(r"[0-9a-f]{32}")
_SIGNALS: tuple[Signal, ...] = ("used", "clicked", "cited")
_KEYS = frozenset(("exchange", "trace", *_SIGNALS))


class BadPost(Exception):
    """A body that is no feedback; `str(error)` says what should be there, and never quotes what is."""


class Post(NamedTuple):
    """What one answer's rows were good for: the exchange or the trace of the answer, the other one empty.

    `ids` are those of the strongest signal that named any, as strings; without one there is nothing in them.
    """

    exchange: str
    trace: str
    signal: Signal | None
    ids: frozenset[str]


def read_posts(body: bytes) -> list[Post]:
    """Return what a body of JSON says: one object, or a list of up to 256.

    Raises:
        BadPost: it says something else.
    """
    try:
        content: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadPost("the body should be JSON") from error
    if not isinstance(content, list):
        return [_post(content, "the body")]
    if not 1 <= len(content) <= MAX_POSTS:
        raise BadPost(f"a list should hold 1 to {MAX_POSTS} objects")
    posts = [_post(one, f"item {place}") for place, one in enumerate(content)]
    if sum(len(post.ids) for post in posts) > MAX_IDS_IN_ALL:
        raise BadPost(f"a list should hold up to {MAX_IDS_IN_ALL} ids")
    return posts


def _post(content: object, where: str) -> Post:
    if not isinstance(content, dict):
        raise BadPost(f"{where} should be an object")
    if not content.keys() <= _KEYS:
        raise BadPost(f"{where} should have no keys but exchange or trace, used, clicked and cited")
    if ("exchange" in content) == ("trace" in content):
        raise BadPost(f"{where} should have an exchange or a trace")
    exchange = _name(content, "exchange", _EXCHANGE, where)
    trace = _name(content, "trace", _TRACE, where)
    told = [signal for signal in _SIGNALS if signal in content]
    if not told:
        raise BadPost(f"{where} should have used, clicked or cited")
    ids = {signal: _ids(content[signal], f"{where}: {signal}") for signal in told}
    strong = ids.get("used", frozenset()) | ids.get("clicked", frozenset())
    signal = next((signal for signal in told if ids[signal]), None)
    return Post(exchange, trace, signal, strong or ids.get("cited", frozenset()))


def _name(content: dict[str, object], key: str, form: re.Pattern[str], where: str) -> str:
    if key not in content:
        return ""
    value = content[key]
    lowered = value.strip().lower() if isinstance(value, str) else ""
    if not form.fullmatch(lowered):
        digits = 16 if form is _EXCHANGE else 32
        raise BadPost(f"{where}: {key} should be {digits} hexadecimal digits")
    return lowered


def _ids(value: object, where: str) -> frozenset[str]:
    """Return ids as candidates have them: numbers, which Qdrant knows, as their digits."""
    if not isinstance(value, list) or len(value) > MAX_IDS:
        raise BadPost(f"{where} should be a list of up to {MAX_IDS} ids")
    for one in value:
        if not (isinstance(one, int) and not isinstance(one, bool)) and not (
            isinstance(one, str) and 1 <= len(one) <= MAX_ID
        ):
            raise BadPost(f"{where} should hold whole numbers, and strings of up to {MAX_ID} characters")
    return frozenset(map(str, value))

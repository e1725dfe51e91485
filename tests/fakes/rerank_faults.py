"""What rerank APIs do that they should not, by name: for the contract tests and the fault table."""

from __future__ import annotations

import asyncio
import gzip
import math
from typing import TYPE_CHECKING, Any

from proxy.model import Reason
from tests.fakes.rerank_server import Behaviour, Exchange, honest

if TYPE_CHECKING:
    from collections.abc import Callable

Rows = list[dict[str, Any]]


def rows(change: Callable[[Rows, str], Rows]) -> Behaviour:
    """Answer with rows that were changed; `change` is told under which name a row has its score."""

    async def behave(exchange: Exchange) -> None:
        asked = exchange.asked
        exchange.send(asked.answer(change(asked.told(), asked.shape.score)))

    return behave


def body(change: Callable[[bytes], bytes], *headers: str) -> Behaviour:
    """Answer with a body that was changed."""

    async def behave(exchange: Exchange) -> None:
        exchange.send(change(exchange.asked.answer(exchange.asked.told())), "200 OK", *headers)

    return behave


def status(line: str, says: bytes = b'{"message": "no"}', *headers: str) -> Behaviour:
    """Answer with an error."""

    async def behave(exchange: Exchange) -> None:
        exchange.send(says, line, *headers)

    return behave


def first(value: object, name: str | None = None) -> Behaviour:
    """Write something else where the first row has its score, or what is under `name`."""

    def change(given: Rows, score: str) -> Rows:
        return [{**given[0], name or score: value}, *given[1:]]

    return rows(change)


def raw(value: bytes) -> Behaviour:
    """Write bytes that no JSON writer would where the first row has its score."""

    async def behave(exchange: Exchange) -> None:
        asked = exchange.asked
        told = asked.told()
        told[0][asked.shape.score] = "HERE"
        exchange.send(asked.answer(told).replace(b'"HERE"', value))

    return behave


def echo(text: Callable[[str], object]) -> Behaviour:
    """Send the texts back along with the scores."""

    async def behave(exchange: Exchange) -> None:
        asked = exchange.asked
        name = asked.shape.echo or "document"
        exchange.send(
            asked.answer(
                [
                    {"index": row.index, asked.shape.score: row.score, name: text(row.text)}
                    for row in asked.rows
                ]
            )
        )

    return behave


async def reset(exchange: Exchange) -> None:
    """Break the connection off."""
    exchange.writer.transport.abort()


async def close(exchange: Exchange) -> None:
    """Close the connection without an answer."""
    exchange.writer.close()


async def cut_off(exchange: Exchange) -> None:
    """Close it in the middle of one."""
    answer = exchange.asked.answer(exchange.asked.told())
    exchange.send(answer[: len(answer) // 2], length=len(answer))
    exchange.writer.close()


async def no_http(exchange: Exchange) -> None:
    """Say something else altogether."""
    exchange.writer.write(b"220 smtp.example.com ready\r\n\r\n")
    exchange.writer.close()


async def hang(exchange: Exchange) -> None:
    """Never answer, until the connection is gone."""
    await exchange.writer.wait_closed()


async def drip(exchange: Exchange) -> None:
    """Answer one byte at a time, and never finish."""
    exchange.send(b"", length=1000)
    while not exchange.writer.is_closing():
        exchange.writer.write(b" ")
        await asyncio.sleep(0.005)


async def endless(exchange: Exchange) -> None:
    """Answer in chunks, without end, as fast as they are taken."""
    exchange.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while not exchange.writer.is_closing():
        exchange.writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await exchange.writer.drain()


def slow(seconds: float, then: Behaviour = honest) -> Behaviour:
    """Take a while, then behave as given."""

    async def behave(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await then(exchange)

    return behave


_BOMB = gzip.compress(bytes(8 * 2**20))
_ERROR = b'{"error": {"message": "the model is not loaded", "type": "server_error", "code": 500}}'
_LIMITED = b'{"detail": "RATE_REQUEST_LIMIT_EXCEEDED"}'

# Odd, but answers all the same.
GOOD: dict[str, Behaviour] = {
    "in the order of the texts": rows(lambda given, _: sorted(given, key=lambda row: row["index"])),
    "worst first": rows(lambda given, _: given[::-1]),
    "with whole numbers": first(1),
    "with unknown fields": rows(lambda given, _: [{**row, "new": {"in": "2027"}} for row in given]),
    "with texts as strings": echo(str),
    "with texts as objects": echo(lambda text: {"text": text, "multi_modal": None}),
    "with texts as null": echo(lambda _: None),
    "compressed": body(gzip.compress, "content-encoding: gzip"),
}

# No answers, and what is made of them.
BAD: dict[str, tuple[Behaviour, Reason]] = {
    "duplicate index": (rows(lambda given, _: [*given[:-1], given[0]]), Reason.BAD_RESPONSE),
    "a row too many": (rows(lambda given, _: [*given, given[0]]), Reason.BAD_RESPONSE),
    "a row too few": (rows(lambda given, _: given[1:]), Reason.BAD_RESPONSE),
    "no rows": (rows(lambda _given, _: []), Reason.BAD_RESPONSE),
    "index above the last": (first(1000, "index"), Reason.BAD_RESPONSE),
    "negative index": (first(-1, "index"), Reason.BAD_RESPONSE),
    "true as index": (first(True, "index"), Reason.BAD_RESPONSE),
    "index as string": (first("0", "index"), Reason.BAD_RESPONSE),
    "index as fraction": (first(0.0, "index"), Reason.BAD_RESPONSE),
    "null as index": (first(None, "index"), Reason.BAD_RESPONSE),
    "null as score": (first(math.nan), Reason.BAD_RESPONSE),  # what NaN becomes in most JSON writers
    "NaN as score": (raw(b"NaN"), Reason.BAD_RESPONSE),
    "Infinity as score": (raw(b"Infinity"), Reason.BAD_RESPONSE),
    "score without bounds": (raw(b"1e999"), Reason.BAD_RESPONSE),
    "score above float32": (first(1e39), Reason.BAD_RESPONSE),
    "score as string": (first("0.5"), Reason.BAD_RESPONSE),
    "true as score": (first(True), Reason.BAD_RESPONSE),
    "rows as strings": (rows(lambda given, _: ["row" for _ in given]), Reason.BAD_RESPONSE),
    "an error as success": (body(lambda _: _ERROR), Reason.BAD_RESPONSE),
    "a string": (body(lambda _: b'"ok"'), Reason.BAD_RESPONSE),
    "nothing": (body(lambda _: b""), Reason.BAD_RESPONSE),
    "a web page": (body(lambda _: b"<html>"), Reason.BAD_RESPONSE),
    "truncated JSON": (body(lambda given: given[:-5]), Reason.BAD_RESPONSE),
    "two answers": (body(lambda given: given + given), Reason.BAD_RESPONSE),
    "not UTF-8": (body(lambda given: given.replace(b'"index"', b'"ind\xff\xfex"', 1)), Reason.BAD_RESPONSE),
    "deep nesting": (body(lambda _: b"[" * 100_000 + b"]" * 100_000), Reason.BAD_RESPONSE),
    "oversized": (body(lambda given: given + b" " * (5 * 2**20)), Reason.BAD_RESPONSE),
    "endless": (endless, Reason.BAD_RESPONSE),
    "a bomb": (body(lambda _: _BOMB, "content-encoding: gzip"), Reason.BAD_RESPONSE),
    "damaged compression": (body(lambda _: b"junk", "content-encoding: gzip"), Reason.BAD_RESPONSE),
    "cut off": (cut_off, Reason.BAD_RESPONSE),
    "not HTTP": (no_http, Reason.BAD_RESPONSE),
    "204": (status("204 No Content", b""), Reason.BAD_RESPONSE),
    "304": (status("304 Not Modified", b""), Reason.BAD_RESPONSE),
    "connection reset": (reset, Reason.REMOTE_ERROR),
    "closed without answer": (close, Reason.REMOTE_ERROR),
    "429": (status("429 Too Many Requests", _LIMITED), Reason.RATE_LIMITED),
    "429 with Retry-After": (
        status("429 Too Many Requests", _LIMITED, "retry-after: 7"),
        Reason.RATE_LIMITED,
    ),
    "503 with JSON": (status("503 Service Unavailable", _ERROR), Reason.REMOTE_ERROR),
    "503 with a page": (status("503 Service Unavailable", b"<html>"), Reason.REMOTE_ERROR),
    "500": (status("500 Internal Server Error", _ERROR), Reason.REMOTE_ERROR),
    "408": (status("408 Request Timeout"), Reason.REMOTE_ERROR),
    "401": (status("401 Unauthorized"), Reason.REMOTE_DENIED),
    "402": (status("402 Payment Required"), Reason.REMOTE_DENIED),
    "403": (status("403 Forbidden", b'{"detail": "AUTHZ_INSUFFICIENT_BALANCE"}'), Reason.REMOTE_DENIED),
    "400": (status("400 Bad Request"), Reason.REMOTE_REFUSED),
    "404": (status("404 Not Found"), Reason.REMOTE_REFUSED),
    "413": (status("413 Content Too Large"), Reason.REMOTE_REFUSED),
    "422": (status("422 Unprocessable", b'{"error_type": "Validation"}'), Reason.REMOTE_REFUSED),
    "slow drip": (drip, Reason.LATE),
    "no answer at all": (hang, Reason.LATE),
}


def redirect(where: str) -> Behaviour:
    """Send the caller somewhere else, with everything it has."""
    return status("307 Temporary Redirect", b"", f"location: {where}")

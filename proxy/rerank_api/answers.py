"""Answers of the rerank API as HTTP has them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from multidict import CIMultiDict, CIMultiDictProxy

from proxy.model import WireResponse

if TYPE_CHECKING:
    from proxy.rerank_api.base import Dialect


def new_id() -> str:
    """Return what tells one answer from all others."""
    return uuid4().hex


def answer(status: int, body: bytes, *headers: tuple[str, str]) -> WireResponse:
    """Return an answer with a body of JSON."""
    told = CIMultiDict((("content-type", "application/json"), *headers))
    return WireResponse(status, CIMultiDictProxy(told), body)


def error(dialect: Dialect, status: int, why: str, *headers: tuple[str, str]) -> WireResponse:
    """Return an error in the words of a dialect."""
    return answer(status, dialect.encode_error(status, why, new_id()), *headers)

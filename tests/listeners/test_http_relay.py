"""What can't be timed from outside: the store's cut is known before anything has been written."""

from types import SimpleNamespace

import aiohttp
import pytest
from multidict import CIMultiDict

from proxy.errors import UPSTREAM_JUNK, Unanswerable
from proxy.listeners.http_copy import Copy
from proxy.listeners.http_relay import relay


class CutOff:
    """The body of an answer that is known to be cut off."""

    def read_nowait(self):
        raise aiohttp.ClientPayloadError


async def test_an_answer_that_is_known_to_be_cut_is_not_begun():
    response = SimpleNamespace(
        status=200,
        reason="OK",
        raw_headers=(),
        headers=CIMultiDict({"Content-Length": "9"}),
        content=CutOff(),
    )
    request = SimpleNamespace(method="GET", version=aiohttp.HttpVersion11)
    client = SimpleNamespace(answering=False)
    with pytest.raises(Unanswerable) as caught:
        await relay(response, request, client, keep_alive=True)
    assert caught.value.fault is UPSTREAM_JUNK
    assert not client.answering


@pytest.mark.parametrize(
    ("pieces", "ended", "body"),
    [([b"ab", b"c"], True, b"abc"), ([b"ab", b"cd"], True, None), ([b"ab"], False, None), ([], True, b"")],
)
def test_a_copy_is_whole_or_nothing(pieces, ended, body):
    copy = Copy(3)
    for piece in pieces:
        copy.add(piece)
    if ended:
        copy.end()
    assert copy.body == body

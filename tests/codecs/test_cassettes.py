"""What real servers said, read and written again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.codecs.chroma import ChromaCodec, ChromaNameBook
from proxy.codecs.text import TextFields
from proxy.errors import Undecodable
from proxy.model import Ranking
from tests.codecs.searches import ok, page_of, post

CHROMA = [
    json.loads(file.read_text("utf-8")) for file in Path(__file__).parents[1].glob("cassettes/chroma-*.json")
]


def each(kind: str):
    """One test for each recording of a kind, named by server version and recording."""
    return pytest.mark.parametrize(
        ("cassette", "recording"),
        [
            pytest.param(cassette, recording, id=f"{cassette['recorded from']['chromadb']}-{name}")
            for cassette in CHROMA
            for name, recording in cassette[kind].items()
        ],
    )


def decode(cassette, recorded):
    codec = ChromaCodec(lambda _: TextFields())
    return codec.decode_request(post(cassette["path"], recorded["request"].encode()))


@each("searches")
def test_a_widened_answer_in_store_order_is_the_direct_one(cassette, recording) -> None:
    direct, widened = recording["direct"], recording["widened"]
    call = decode(cassette, direct)
    assert call.encode_request([cassette["window"]] * len(call.searches)).body.decode() == widened["request"]

    reply = call.decode_response(ok(widened["answer"].encode()))
    pages = [
        Ranking(tuple(range(len(rows)))[page_of(search)])
        for search, rows in zip(call.searches, reply.candidates, strict=True)
    ]
    assert reply.encode_response(pages).body.decode() == direct["answer"]


@each("searches")
def test_rows_are_what_the_server_sent(cassette, recording) -> None:
    answer = json.loads(recording["direct"]["answer"])
    reply = decode(cassette, recording["direct"]).decode_response(ok(recording["direct"]["answer"].encode()))

    assert [[row.id for row in rows] for rows in reply.candidates] == answer["ids"]
    if answer["distances"] is not None:
        assert [[row.score for row in rows] for rows in reply.candidates] == answer["distances"]


@each("refused")
def test_what_the_codec_refuses_the_server_refuses_too(cassette, recording) -> None:
    assert recording["status"] in {400, 422}
    with pytest.raises(Undecodable):
        decode(cassette, recording)


@each("names")
def test_names_are_learnt_from_what_the_server_says(cassette, recording) -> None:
    collection = cassette["path"].split("/")[-2]

    assert ChromaNameBook().decode_names(recording.encode()) == {collection: "recorded"}

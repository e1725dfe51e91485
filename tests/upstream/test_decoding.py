import gzip
import zlib

import pytest

from proxy.errors import Oversized, Undecodable
from proxy.upstream.decoding import decode

BODY = b'{"ids": []}' * 100
BARE = zlib.compressobj(wbits=-15)
BARE_DEFLATE = BARE.compress(BODY) + BARE.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        (" GZip ", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", BARE_DEFLATE),
    ],
)
def test_known_codings_are_undone(coding, packed):
    assert decode(packed, coding, len(BODY)) == BODY


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", BODY),
        ("deflate", b"\xff\xff"),
        ("gzip", gzip.compress(BODY)[:-3]),
        ("gzip", gzip.compress(BODY) + b"more"),
    ],
)
def test_unknown_and_damaged_ones_are_not_guessed_at(coding, packed):
    with pytest.raises(Undecodable):
        decode(packed, coding, 10 * len(BODY))


def test_a_small_body_can_not_unfold_into_a_huge_one():
    with pytest.raises(Oversized):
        decode(gzip.compress(bytes(10_000_000)), "gzip", 1_000_000)

"""What a replica tells is understood by the others; whatever else they hear is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.scoring.near_entry import MAX_DIMS, MAX_QUERY_BYTES, NearEntry, decode, encode

SCOPE = bytes(range(16))


def entry(**changes) -> NearEntry:
    vector = np.random.default_rng(0).standard_normal(384, dtype=np.float32)
    return NearEntry(SCOPE, vector, "which cat?", 1_800_000_000.0)._replace(**changes)


vectors = st.integers(1, 64).map(lambda dims: np.random.default_rng(dims).standard_normal(dims))


@given(st.binary(min_size=16, max_size=16), vectors, st.text(max_size=200), st.integers(0, 2**32 - 1))
def test_what_was_encoded_is_decoded(scope, vector, query, asked):
    told = decode(encode(NearEntry(scope, vector, query, asked)))
    assert (told.scope, told.query, told.asked) == (scope, query, asked)
    assert told.vector.dtype == np.float32
    np.testing.assert_allclose(told.vector, vector / np.linalg.norm(vector), atol=1e-3)


def test_the_format_is_what_it_was():
    """Replicas of two releases understand each other, or else the version must change."""
    message = encode(entry(vector=np.array([3, 4], np.float32), query="Ähm?", asked=258.9))
    expected = b"\x01" + b"\x02\x01\x00\x00" + SCOPE + b"\x02\x00" + b"\x05\x00" + b"\xcd\x38\x66\x3a"
    assert message == expected + b"\xc3\x84hm?"


def test_an_entry_is_small():
    assert len(encode(entry())) == 25 + 2 * 384 + len("which cat?")


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x01" * 25)
def test_any_bytes_are_an_entry_or_a_value_error(message):
    try:
        told = decode(message)
    except ValueError:
        return
    assert np.linalg.norm(told.vector) == pytest.approx(1, abs=1e-3)


@given(st.data())
def test_a_damaged_message_is_an_entry_or_a_value_error(data):
    message = bytearray(encode(entry(vector=np.ones(8, np.float32))))
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] = data.draw(st.integers(0, 255))
    try:
        told = decode(bytes(message))
    except ValueError:
        return
    assert np.isfinite(told.vector).all()
    assert told.vector.any()


@pytest.mark.parametrize("change", [b"", b"?", b"\x00"])
def test_a_message_cut_short_or_followed_by_more_is_refused(change):
    message = encode(entry())
    with pytest.raises(ValueError, match="length"):
        decode(message + change if change else message[:-1])
    with pytest.raises(ValueError, match="short"):
        decode(message[:24])


def test_another_version_is_refused():
    with pytest.raises(ValueError, match="version 2, not 1"):
        decode(b"\x02" + encode(entry())[1:])


@pytest.mark.parametrize("component", [b"\x00\x00", b"\x00\x7c", b"\x00\xfe", b"\x01\x7c"])
def test_zeros_infinity_and_not_a_number_are_no_vector(component):
    message = encode(entry(vector=np.ones(1, np.float32), query=""))
    with pytest.raises(ValueError, match="direction"):
        decode(message[:-2] + component)


def test_a_vector_of_no_dimensions_is_none():
    message = struct.pack("<BI16sHH", 1, 0, SCOPE, 0, 0)
    with pytest.raises(ValueError, match="direction"):
        decode(message)


def test_text_that_is_not_unicode_is_refused():
    message = encode(entry(query="é"))
    with pytest.raises(ValueError, match="utf-8"):
        decode(message[:-1] + b"?")


@pytest.mark.parametrize(("dims", "bytes_"), [(MAX_DIMS + 1, 1), (1, MAX_QUERY_BYTES + 1)])
def test_what_is_too_large_is_refused(dims, bytes_):
    message = struct.pack("<BI16sHH", 1, 0, SCOPE, dims, bytes_) + b"\x00\x3c" * dims + b"?" * bytes_
    with pytest.raises(ValueError, match="length"):
        decode(message)


def test_the_largest_entry_is_shared():
    vector = np.zeros(MAX_DIMS, np.float32)
    vector[7] = 1e-30
    told = decode(encode(entry(vector=vector, query="é" * (MAX_QUERY_BYTES // 2))))
    assert told.vector.argmax() == 7
    assert told.vector[7] == 1
    assert len(told.query) == MAX_QUERY_BYTES // 2


@pytest.mark.parametrize(
    "change",
    [
        {"scope": b"short"},
        {"vector": np.zeros(3, np.float32)},
        {"vector": np.array([np.nan, 1], np.float32)},
        {"vector": np.ones(MAX_DIMS + 1, np.float32)},
        {"query": "?" * (MAX_QUERY_BYTES + 1)},
        {"query": "é" * (MAX_QUERY_BYTES // 2) + "?"},
        {"query": "half of a pair: \ud83d"},
    ],
)
def test_what_cannot_be_told_is_not_shared(change):
    assert encode(entry(**change)) is None


def test_the_age_is_by_the_receivers_clock_and_never_below_zero():
    """However far the clocks are apart, an entry lives no longer with the receiver than one of its own."""
    told = decode(encode(entry(asked=1000.5)))
    assert told.age(1060.0) == 60
    assert told.age(0.0) == 0


@pytest.mark.parametrize(("asked", "told"), [(-5.0, 0), (1e12, 2**32 - 1)])
def test_a_clock_that_is_far_off_is_still_told(asked, told):
    assert decode(encode(entry(asked=asked))).asked == told

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.sealed import Seal


@given(st.binary(), st.binary(), st.binary(max_size=100))
def test_what_was_sealed_is_opened(key, payload, secret):
    assert Seal(secret).open(key, Seal(secret).seal(key, payload)) == payload


@given(st.binary(max_size=40), st.data())
def test_no_changed_byte_goes_unnoticed(payload, data):
    seal = Seal(b"secret")
    sealed = bytearray(seal.seal(b"key", payload))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    assert seal.open(b"key", bytes(sealed)) is None


@pytest.mark.parametrize("secret", [b"", b"secret"])
@pytest.mark.parametrize("foreign", [b"", b"\x01", b"0.75", bytes(9), bytes(40), b"\x01" + bytes(12)])
def test_what_others_wrote_is_not_opened(secret, foreign):
    assert Seal(secret).open(b"key", foreign) is None


def test_what_was_cut_or_grew_is_not_opened():
    seal = Seal(b"secret")
    sealed = seal.seal(b"key", b"four")

    assert [seal.open(b"key", sealed[:length]) for length in range(len(sealed))] == [None] * len(sealed)
    assert seal.open(b"key", sealed + b"x") is None


def test_the_answer_to_another_key_is_not_opened():
    seal = Seal(b"secret")

    assert seal.open(b"other", seal.seal(b"key", b"four")) is None
    assert seal.open(b"ke", seal.seal(b"key", b"four").replace(b"four", b"yfour")) is None


@pytest.mark.parametrize("other", [b"", b"Secret", b"secret\0", b"s" * 65])
def test_another_secret_does_not_open(other):
    assert Seal(other).open(b"key", Seal(b"secret").seal(b"key", b"four")) is None

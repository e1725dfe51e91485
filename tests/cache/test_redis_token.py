from __future__ import annotations

from itertools import pairwise

import pytest

from proxy.cache.redis_token import READ, is_token, new_token


def test_a_token_is_one_and_can_be_told_from_what_is_longer():
    token = new_token()

    assert is_token(token)
    assert len(token) < READ


def test_a_token_that_follows_another_is_greater():
    tokens = [new_token()]
    for _ in range(1000):
        tokens.append(new_token(tokens[-1]))

    assert all(before < after for before, after in pairwise(tokens))
    assert all(map(is_token, tokens))


def test_tokens_that_know_nothing_of_each_other_differ():
    assert len({new_token() for _ in range(1000)}) == 1000


def test_nothing_makes_what_is_no_token():
    assert is_token(new_token(b"0" + b"f" * 27))


@pytest.mark.parametrize(
    "value", [None, 7, "0" * 28, b"", b"0" * 27, b"0" * 29, b"f" * 28, b"0" * 27 + b"\n", b"0" * 27 + b"F"]
)
def test_what_nobody_of_us_makes_is_no_token(value):
    assert not is_token(value)

"""Who has the key is let in; who has not learns nothing about it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from proxy.bearer import BearerKey


@pytest.mark.parametrize("header", ["Bearer key", "bearer key", " BEARER  key "])
def test_the_key_opens_however_the_scheme_is_written(header):
    assert BearerKey(SecretStr(" key\n")).admits(header)


@pytest.mark.parametrize(
    "header", ["", "key", "Bearer", "Bearer ", "Bearer keys", "Basic key", "Bearer \udcff"]
)
def test_anything_else_does_not(header):
    assert not BearerKey(SecretStr("key")).admits(header)


def test_without_a_key_everyone_is_let_in():
    one = BearerKey(None)

    assert one.admits("")
    assert not one.asked_for
    assert BearerKey(SecretStr("key")).asked_for


def test_the_key_itself_is_not_kept():
    assert "secret" not in repr(vars(BearerKey(SecretStr("secret"))))

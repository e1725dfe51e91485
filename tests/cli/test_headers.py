import pytest

from proxy.cli.headers import header
from proxy.errors import BadConfig


def test_variables_are_filled_in(monkeypatch):
    monkeypatch.setenv("STORE_KEY", "k")

    assert header("authorization: Bearer ${STORE_KEY}") == ("authorization", "Bearer k")


def test_the_end_of_a_line_that_a_key_brings_along_is_left_out(monkeypatch):
    monkeypatch.setenv("STORE_KEY", "secret\r\n")

    assert header("api-key: ${STORE_KEY} ") == ("api-key", "secret")


@pytest.mark.parametrize("value", ["sec\nret", "sec\rret", "sec\x1bret", "sec\x7fret"])
def test_a_control_character_is_a_mistake_that_does_not_tell_the_value(monkeypatch, value):
    monkeypatch.setenv("STORE_KEY", value)

    with pytest.raises(BadConfig) as error:
        header("api-key: ${STORE_KEY}")
    assert str(error.value) == (
        "(command line): --header: api-key: (not shown) - a value without control characters"
    )

from __future__ import annotations

import asyncio
import logging

import pytest
from pydantic import SecretStr

from proxy.errors import BadConfig
from proxy.scoring.remote.api_key import ApiKey
from tests.fakes.clocks import Clock


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "key"
    path.write_text("first\n")
    return path


async def test_a_key_of_the_policy_is_what_it_says():
    key = ApiKey(SecretStr("sk-1"), None, Clock())
    await key.start()

    assert await key.current() == "sk-1"
    assert not await key.replaced("sk-1")


async def test_no_key_is_an_empty_one():
    key = ApiKey(None, None, Clock())
    await key.start()

    assert await key.current() == ""


async def test_a_file_is_read_without_its_line_end(file):
    key = ApiKey(None, str(file), Clock())
    await key.start()

    assert await key.current() == "first"


async def test_a_file_that_changes_is_read_again_after_a_while(file):
    clock = Clock()
    key = ApiKey(None, str(file), clock)
    await key.start()
    await asyncio.to_thread(file.write_text, "second")

    assert await key.current() == "first"
    clock.now += 60
    assert await key.current() == "second"


async def test_a_refused_key_makes_it_read_again_at_once(file):
    key = ApiKey(None, str(file), Clock())
    await key.start()
    await asyncio.to_thread(file.write_text, "second")

    assert await key.replaced("first")
    assert await key.current() == "second"
    assert not await key.replaced("second")


async def test_a_file_that_is_gone_or_empty_for_a_moment_changes_nothing(file):
    """Secrets are replaced by removing one and writing another."""
    clock = Clock()
    key = ApiKey(None, str(file), clock)
    await key.start()
    for broken in (lambda: file.write_text(""), lambda: file.write_bytes(b"\xff"), file.unlink):
        await asyncio.to_thread(broken)
        clock.now += 60

        assert await key.current() == "first"


@pytest.mark.parametrize("content", [b"", b"two words", b"two\nlines", b"\xff\xfe", "schlüssel".encode()])
async def test_a_file_without_a_key_is_a_mistake(tmp_path, content):
    path = tmp_path / "key"
    await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(BadConfig, match="api_key_file"):
        await ApiKey(None, str(path), Clock()).start()


async def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(BadConfig, match="api_key_file"):
        await ApiKey(None, str(tmp_path / "none"), Clock()).start()


async def test_a_key_is_shown_nowhere(file, caplog):
    caplog.set_level(logging.DEBUG)
    key = ApiKey(SecretStr("sk-secret"), None, Clock())
    await key.start()
    await key.current()

    assert "sk-secret" not in f"{key!r} {key} {caplog.text}"

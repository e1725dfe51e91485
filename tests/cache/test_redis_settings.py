from __future__ import annotations

from pathlib import Path

import pytest

from proxy.cache.redis import RedisCache
from proxy.cache.redis_settings import Address, RedisSettings, read_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://here", Address("single", tls=False, hosts=(("here", 6379),))),
        ("redis://here:1/", Address("single", tls=False, hosts=(("here", 1),))),
        ("rediss://here/3", Address("single", tls=True, hosts=(("here", 6379),), db=3)),
        ("redis://[::1]:7", Address("single", tls=False, hosts=(("::1", 7),))),
        (
            "redis://me:s%40cr%2Fet@here:1/2",
            Address("single", tls=False, hosts=(("here", 1),), db=2, username="me", password="s@cr/et"),
        ),
        ("redis://:pw@here", Address("single", tls=False, hosts=(("here", 6379),), password="pw")),
        ("redis+cluster://a,b:2", Address("cluster", tls=False, hosts=(("a", 6379), ("b", 2)))),
        ("rediss+cluster://a:1/0", Address("cluster", tls=True, hosts=(("a", 1),))),
        (
            "redis+sentinel://a,b:2/ours/4",
            Address("sentinel", tls=False, hosts=(("a", 26379), ("b", 2)), service="ours", db=4),
        ),
        ("rediss+sentinel://a/ours", Address("sentinel", tls=True, hosts=(("a", 26379),), service="ours")),
        ("unix:///run/redis.sock", Address("unix", tls=False, hosts=(), path="/run/redis.sock")),
    ],
)
def test_a_url_says_where_the_server_is(url, address):
    assert read_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "here:6379",
        "http://secret@here",
        "redis://",
        "redis+other://secret@here",
        "redis+cluster://secret@here/1",
        "redis+sentinel://secret@here",
        "redis://secret@here,there",
        "redis://secret@here/one",
        "redis://secret@here/1/2",
        "redis://secret@here:port",
        "redis+cluster://secret@here,",
        "redis://secret@:1",
        "unix://secret",
        "redis://:secret@here?db=1",
        "redis://:secret#1@here",
        "redis+sentinel://:secret@here/ours?timeout=1",
        "unix:///secret?db=1",
    ],
)
def test_what_is_no_url_of_a_redis_is_refused_without_being_quoted(url):
    with pytest.raises(ValueError, match=r"Redis|hosts|host") as refused:
        read_url(url)

    assert "secret" not in str(refused.value)


def test_settings_do_not_show_what_is_secret():
    shown = repr(RedisSettings("redis://:secret@here", password="secret", sentinel_password="secret"))

    assert "secret" not in shown


@pytest.mark.parametrize(
    ("scheme", "files", "complaint"),
    [
        ("redis", ["ca_file"], "^ca_file: only"),
        ("redis", ["cert_file", "key_file"], "^cert_file, key_file: only"),
        ("redis+cluster", ["ca_file"], "^ca_file: only"),
        ("rediss", ["key_file"], "^key_file: there is no cert_file"),
        ("rediss", ["ca_file", "key_file"], "^key_file: there is no cert_file"),
    ],
)
def test_files_that_would_not_be_used_are_refused(scheme, files, complaint):
    with pytest.raises(ValueError, match=complaint):
        RedisCache(RedisSettings(f"{scheme}://here", **{name: Path("there.pem") for name in files}))


@pytest.mark.parametrize("files", [[], ["ca_file"], ["cert_file"], ["ca_file", "cert_file", "key_file"]])
def test_files_are_for_tls(files):
    RedisCache(RedisSettings("rediss://here", **{name: Path("there.pem") for name in files}))

"""Who may change something through the admin port."""

from __future__ import annotations

import pytest

from proxy.listeners.operators import refusal


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9000", "127.0.0.1:9000", "[::1]:9000", "[::1]"])
def test_a_tool_on_this_machine_may(peer, host):
    assert refusal(peer, {"host": host}) is None


@pytest.mark.parametrize(
    "peer",
    [
        None,
        "",
        "10.0.0.7",
        "127.0.0.6",
        "0.0.0.0",
        "::",
        "::ffff:10.0.0.7",
        "fe80::1%eth0",
        "2001:db8::1",
        "unix",
    ],
)
def test_nobody_else_may(peer):
    assert "only this machine" in refusal(peer, {"host": "127.0.0.1:9000"})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "rebound.example:9000",
        "localhost.example",
        "127.0.0.1.example",
        "10.0.0.7:9000",
        "user@evil.example",
        "localhost@evil.example",
        "evil@localhost",
        "localhost/evil",
        "[::1",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_may_not(host):
    assert "Host" in refusal("127.0.0.1", {"host": host})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:9000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-origin"},
    ],
)
def test_a_browser_may_not_even_from_this_machine_s_own_page(headers):
    assert refusal("127.0.0.1", {"host": "127.0.0.1", **headers}) == "not for browsers"


@pytest.mark.parametrize(
    "name",
    [
        "forwarded",
        "Via",
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Real-IP",
        "x-request-id",
        "x-envoy-a",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
        "X-Original-Forwarded-For",
    ],
)
def test_a_proxy_beside_midrank_may_not_speak_for_others(name):
    assert refusal("127.0.0.1", {"host": "127.0.0.1", name: "10.0.0.7"}) == "not through a proxy"

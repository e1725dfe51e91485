import pytest

from proxy.upstream.http_headers import request_headers, response_headers


def test_an_apps_headers_go_on_in_order_and_spelling():
    headers = [("x-B", "1"), ("Authorization", "Bearer t"), ("X-b", "2"), ("Cookie", "a=1")]
    assert list(request_headers(headers).items()) == headers


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "CONTENT-LENGTH",
        "Expect",
        "host",
        "HTTP2-Settings",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "X-Midrank-Query",
    ],
)
def test_what_ends_at_this_hop_does_not_go_on(name):
    assert not request_headers([(name, "x")])


def test_names_are_not_ascii_only():
    """The parser lets through what it does not know; the spelling is not ours to judge."""
    assert list(request_headers([("X-\u00e9", "1")])) == ["X-\u00e9"]


def test_a_stores_headers_come_back_byte_for_byte():
    raw = ((b"ETag", b'"x"'), (b"x-latin", b"\xe9"), (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"))
    assert response_headers(raw) == list(raw)


def test_what_the_stores_connection_names_does_not_come_back():
    raw = ((b"Connection", b"close, X-Hop"), (b"x-hop", b"1"), (b"X-Kept", b"1"), (b"connection", b"x-two"))
    assert response_headers((*raw, (b"X-Two", b"1"))) == [(b"X-Kept", b"1")]

"""Expect: 100-continue is answered here and not forwarded: our client would wait for the store's own 100."""


async def test_permission_comes_before_the_body_is_sent(wired):
    async with wired() as (client, store):
        client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await client.answer()).status == 100
        answer = await client.ask(b"abc")
        assert answer.status == 200
        assert store.requests[0].body == b"abc"
        assert b"expect" not in store.requests[0].names()


async def test_no_permission_is_needed_for_a_body_that_is_here(wired):
    async with wired() as (client, store):
        answer = await client.ask(
            b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
        )
        assert answer.status == 200
        assert store.requests[0].body == b"abc"


async def test_http_1_0_knows_no_100(wired):
    async with wired() as (client, _):
        client.send(b"POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await client.ask(b"abc")).status == 200


async def test_other_expectations_fail(wired):
    async with wired() as (client, store):
        answer = await client.ask(
            b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\nabc"
        )
        assert answer.status == 417
        assert not store.requests

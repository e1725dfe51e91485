"""What is taken out of kept texts, what stays, and that no text makes it slow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadConfig
from proxy.records.redaction import MAX_TEXT, REDACTED, Redaction

redact = Redaction()

PEM = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,00AA

MIIEogIBAAKCAQEA/abc+def/ghi
secondline/abc+def/ghi
-----END RSA PRIVATE KEY-----"""
AWS = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "secret",
    [
        "bob@example.com",
        "bob.o'neil+lists@mail.ex-ample.co.uk",
        "jürgen@müller.de",
        "+49 30 1234567",
        "(555) 123-4567",
        "030/1234567",
        "01.23.45.67.89",
        "192.168.100.200",
        "4111 1111 1111 1111",
        "4111111111111111",
        "5500-0000-0000-0004",
        "Bearer abcDEF123.xyz-99",
        "Authorization: Basic dXNlcjpwYXNz",
        '"authorization": "ApiKey dXNlcjpwYXNz',
        "sk-proj-abcdefgh1234567890ABCD",
        "ghp_abcdefghijklmnopqrstuvwxyz0123",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N",
        "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
        "api_key=abcdefg",
        "password: hunter2",
        'password="my secret pass"',
        "'pwd' => 'my secret pass'",
        r"\"client_secret\": \"my secret pass\"",
        "AccountKey=abc/def+ghijklmnop==",
        "aws_secret_access_key = " + AWS,
        AWS,
        "9xQ/" + AWS + "+x/3=",
        PEM,
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc-def\n-----END PGP PRIVATE KEY BLOCK-----",
        "555.123.4567",
        "1.555.123.4567",
        "+49.170.1234567",
        "030.1234567",
        "(555) 123.4567",
        "+49 (0) 170 1234567",
        "0170\xa01234567",
        "555\u2011123\u20114567",
        "+49\u2009170\u20131234567",
        "4111\u20101111\u22121111\u202f1111",
        "0170\u200b1234567",
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29NWBK60161331926819",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
        "123456789012345678901234567890",
        "john%40example.com",
        "john%2Blists%40mail.example.com",
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "see {} for more.", "a\n{}\nb", "({}), and", "text ends with {}", "it is {}."]
)
def test_what_looks_private_is_taken_out(secret, frame):
    redacted = redact(frame.format(secret))

    assert secret not in redacted
    assert redacted.count("[redacted]") == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Smith,4111111111111111,12/27", "Smith,[redacted],12/27"),
        ("12,4111111111111111,12/27", "12,[redacted],12/27"),
        ("id_4111111111111111", "id_[redacted]"),
        ("tel.01701234567", "tel.[redacted]"),
        ("Tel.: 555.123.4567.", "Tel.: [redacted]."),
        ("IBAN_DE89370400440532013000;BIC", "IBAN_[redacted];BIC"),
        ("aws_secret_access_key " + AWS, "aws_secret_access_key [redacted]"),
        ("mailto:x?to=john%40example.com&x=1", "mailto:x?to=[redacted]&x=1"),
        ("on 2024-01-02 01701234567 called", "on 2024-01-02 [redacted] called"),
        ("postgres://user:pass@localhost/db", "postgres://user:[redacted]/db"),
        ("token: 0170 1234567 it is", "[redacted] it is"),
        ("bob@example.com,eve@example.com", "[redacted],[redacted]"),
        ("half of a key: " + PEM[:120], "half of a key: [redacted]"),
        (PEM + " and " + PEM, "[redacted] and [redacted]"),
    ],
)
def test_what_stands_beside_it_stays(text, left):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "released on 2026-11-23 at 14:20:05.123456, version 3.12.1 of 120.0.6099.129",
        "01/02/2024 14:20, 1-2-2024, 01-02-2024, 2024/11/05 13:00, 23.11.2026, 2026-11-23 2026-11-24",
        "2026-11-23T14:20:05Z, 20261123, 01.2024",
        "pi is 3.14159265358, and 0.1234567890 of 10,000,000",
        "[0.8414709848078965,0.1411200080598672] or -0.0000001234",
        "it costs 1,234,567.89, in Europe 1.234.567,89 or 1 234 567",
        "from 1990 to 1995, 12345678 of them; 1990-1995; in 1, 2, 3, 4, 5, 6, 7, 8, 9 and 10 steps",
        "the tokens of a basic sentence: a key idea, the secret of life, internationalization",
        "max_tokens: 4096, tokens: 512, Secretary: Jane, the password is asked for",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "see https://docs.example.com/Python3/Library/Reference/Asyncio/Tasks/Overview/index.html",
        "WHERE name LIKE '%40x', 100%40 of it, 5 @ 3",
        "SW12 9AB, ISO 9001, DIN A4, AB12 ONLY WITH SOME WORD",
        "-----BEGIN PUBLIC KEY-----",
        "",
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert redact(text) == text


def test_the_policys_own_patterns_are_matched_beside_these():
    own = Redaction([r"ACME-\d+", r"(?i)project \w+"])

    assert own("ACME-12 of Project Falcon, by bob@example.com") == "[redacted] of [redacted], by [redacted]"


def test_the_policys_own_are_found_wherever_they_stand():
    own, draw = Redaction(["Max Mustermann"]), random.Random(1)
    some = ("a ", "be ", "gamma ", "documentation ")
    for length in range(600):
        words = "".join(draw.choices(some, k=length))[:length]
        assert own(f"{words} Max Mustermann lives here") == f"{words} [redacted] lives here"


def test_the_policys_own_may_match_what_stands_for_others():
    assert Redaction(["e"])("he, bob@example.com") == "h[redacted], [redacted]"


def test_a_pattern_that_could_take_for_ever_is_refused():
    with pytest.raises(BadConfig) as caught:
        Redaction([r"\w+", r"(\w+) \1"])

    assert [mistake.key for mistake in caught.value.mistakes] == ["record.redact[1]"]


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a@",
        "1",
        "1 ",
        "a1A_",
        "token ",
        "-----BEGIN PRIVATE KEY-----",
        "('",
        "a-",
        "+1",
        "1.11",
        "=a",
        "0(",
        "Bearer ",
        "a%",
        "a%40",
        "A1a/",
        "AB12",
        "AB12 ",
        "0.",
        "123.",
        "1-1-",
        'pwd="',
        "secret_",
    ],
)
def test_no_text_is_slow(unit):
    """Each takes some milliseconds; the test's time limit is the assertion."""
    for text in (unit * (MAX_TEXT // len(unit)), unit * 1000 + "!"):
        redact(text)


def test_what_is_not_searched_is_not_kept():
    assert redact("a " * MAX_TEXT + "bob@example.com") == "a " * (MAX_TEXT // 2)


def test_ids_may_hold_numbers_but_no_addresses():
    assert not redact.concerns("chunk-000012345678")
    assert not redact.concerns("550e8400-e29b-41d4-a716-446655440000")
    assert redact.concerns("mails/bob@example.com/3")
    assert redact.concerns("x" * 2000)
    assert redact.concerns("user/john%40example.com")
    assert not redact.concerns("DE89370400440532013000")
    assert Redaction(["customer"]).concerns("x" * 500 + " customer 7")


# What private things are made of, so that drawn texts have some that are cut, joined and nested.
PARTS = st.sampled_from(
    [
        *(
            "bob",
            "@",
            "%40",
            "example.com",
            "0170",
            "1234567",
            "4111",
            "+49",
            "-",
            "\u2011",
            "\xa0",
            ".",
            ",",
        ),
        *("2026-11-23", "01/02/2024", "token", "pwd", "=", ": ", '"', "'", " ", "\n", "_", "/", "(", ")"),
        *("DE89", "3704", "NWBK", "sk-", "Bearer ", "authorization", AWS, AWS[:20], "aB3" * 10, REDACTED),
        *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "x", "ä"),
    ]
)


@given(st.one_of(st.text(), st.lists(PARTS, max_size=30).map("".join)))
def test_a_text_is_redacted_once_and_no_more_than_that(text):
    redacted = redact(text)

    assert redact(redacted) == redacted
    # Nothing but what was there, in its order, and no longer by more than the marks.
    kept, place = redacted.split(REDACTED), 0
    for part in kept:
        place = text.index(part, place) + len(part)
    new = redacted.count(REDACTED)
    assert len(redacted) <= len(text) + new * len(REDACTED)
    if redacted != text:
        assert len("".join(kept)) < len(text)


@pytest.mark.parametrize("unit", ["a@b ", "pwd=a@b ", "pwd=", "0170 1234567, "])
def test_a_text_that_grows_is_kept_no_further_than_others(unit):
    redacted = redact(unit * MAX_TEXT)

    assert len(redacted) <= MAX_TEXT
    assert redact(redacted) == redacted

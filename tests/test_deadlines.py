"""A caller's own deadline is found wherever callers write it, and what is no deadline is overlooked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.deadlines import inherited

NAMES = ("x-request-timeout-ms", "grpc-timeout", "x-envoy-expected-rq-timeout-ms")


def told(*headers: tuple[str, str], timeout: float | None = None) -> float | None:
    return inherited(CIMultiDictProxy(CIMultiDict(headers)), timeout)


def test_who_says_nothing_waits_without_end():
    assert told(("content-type", "application/json")) is None


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("x-request-timeout-ms", "250", 0.25),
        ("X-Request-Timeout-Ms", " 0 ", 0),
        ("x-request-timeout-ms", "0.5", 0.0005),
        ("x-request-timeout-ms", "999999999999", 999999999.999),
        ("x-envoy-expected-rq-timeout-ms", "15000", 15),
        ("grpc-timeout", "2H", 7200),
        ("grpc-timeout", "3M", 180),
        ("grpc-timeout", "4S", 4),
        ("grpc-timeout", "99999999m", 99999.999),
        ("grpc-timeout", "5000u", 0.005),
        ("grpc-timeout", "100n", 1e-7),
        ("grpc-timeout", "0m", 0),
    ],
)
def test_every_header_is_read_in_its_own_unit(name, value, seconds):
    assert told((name, value)) == pytest.approx(seconds)


JUNK = [
    *("", " ", "-1", "+1", "nan", "inf", "1e3", "1_0", "0x10", ".5", "5.", "10 ms", "ten", "1m1", "m"),
    *("-5m", "1.5S", "1s", "1 m", "123456789m", "9" * 13, "9" * 400, "\u0661\u0662", "\u0661S"),
]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_deadline_is_overlooked(name, junk):
    assert told((name, junk)) is None
    assert told((name, junk), ("grpc-timeout", "2S"), timeout=3) == 2


def test_a_unit_belongs_to_grpc_alone():
    assert told(("x-request-timeout-ms", "5m"), ("grpc-timeout", "500")) is None


def test_the_tightest_counts_whoever_says_it():
    headers = [("x-request-timeout-ms", "900"), ("grpc-timeout", "800m"), (NAMES[2], "700")]

    assert told(*headers) == pytest.approx(0.7)
    assert told(*headers, timeout=0.6) == pytest.approx(0.6)
    assert told(timeout=7) == 7


@pytest.mark.parametrize("lines", [("3S", "x", "1S", "2S"), ("3S, x,1S ,,2S",)])
def test_of_a_repeated_header_the_tightest_valid_one_counts(lines):
    assert told(*(("grpc-timeout", line) for line in lines)) == 1


@given(
    headers=st.lists(st.tuples(st.sampled_from(NAMES), st.text() | st.from_regex(r"[0-9]{1,9}[HMSmun]?\Z"))),
    timeout=st.none() | st.floats(0, 1e9),
)
def test_whatever_headers_say_a_deadline_is_only_tightened(headers, timeout):
    seconds = told(*headers, timeout=timeout)

    if timeout is not None:
        assert seconds is not None
        assert seconds <= timeout
    assert seconds is None or 0 <= seconds < math.inf

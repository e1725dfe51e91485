from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.scoring.remote.retry_after import LONGEST, seconds_to_wait

NOW = datetime(2026, 9, 1, 12, 0, 0, tzinfo=UTC)
NAMES = ("retry-after-ms", "Retry-After", "X-RateLimit-Reset")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"Retry-After": "Tue, 01 Sep 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Tue, 01 Sep 2026 14:00:30 +0200"}, 30),
        ({"Retry-After": "Tue, 01 Sep 2026 11:00:00 GMT"}, 0),
        ({"Retry-After-Ms": "250"}, 0.25),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"X-RateLimit-Reset": "12"}, 12),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)}, 20),
        ({"Retry-After": "3", "X-RateLimit-Reset": "12"}, 3),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "86400"}, LONGEST),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "Fri, 01 Jan 2027 00:00:00 +9999999999999999"}, None),
    ],
)
def test_the_usual_headers_are_understood(headers, seconds):
    assert seconds_to_wait(CIMultiDict(headers), NOW) == seconds


def test_a_limit_s_end_counts_only_for_whom_it_has_stopped():
    headers = CIMultiDict({"X-RateLimit-Reset": "12"})

    assert seconds_to_wait(headers, NOW, limited=False) is None
    assert seconds_to_wait(CIMultiDict({**headers, "Retry-After": "3"}), NOW, limited=False) == 3


@given(st.dictionaries(st.sampled_from(NAMES), st.text()))
def test_whatever_stands_there_is_a_bounded_time_or_nothing(headers):
    seconds = seconds_to_wait(CIMultiDict(headers), NOW)

    assert seconds is None or 0 <= seconds <= LONGEST


@given(
    st.integers(-99999999, 99999999),
    st.integers(0, 99999),
)
def test_odd_dates_are_no_errors(zone, year):
    seconds = seconds_to_wait({"Retry-After": f"Tue, 01 Sep {year} 12:00:00 {zone:+}"}, NOW)

    assert seconds is None or 0 <= seconds <= LONGEST

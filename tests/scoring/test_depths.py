"""A query that was ranked is remembered with its depth."""

from __future__ import annotations

from proxy.scoring import depths
from proxy.scoring.depths import Depths


def test_the_last_depth_counts():
    found = Depths()
    found.note("why?", 7)
    found.note("why?", 20)

    assert (found.of("why?"), found.of("how?")) == (20, 0)


def test_only_the_queries_asked_last_are_remembered():
    found = Depths()
    for number in range(depths._MAX_QUERIES + 1):
        found.note(f"query {number}", 1)

    assert found.of("query 0") == 0
    assert found.of("query 1") == found.of(f"query {depths._MAX_QUERIES}") == 1

"""A search that was ranked is remembered with its depth."""

from __future__ import annotations

from proxy import depths
from proxy.depths import Asked, Depths

WHY = Asked("why?", "docs", b"")


def test_the_last_depth_counts():
    found = Depths()
    found.note(WHY, 7)
    found.note(WHY, 20)

    assert found.of(WHY) == 20


def test_others_know_nothing_of_it():
    found = Depths()
    found.note(WHY, 20)

    others = (WHY._replace(query="how?"), WHY._replace(collection="wiki"), WHY._replace(scope=b"mine"))
    assert [found.of(other) for other in others] == [0, 0, 0]


def test_only_the_searches_of_late_are_remembered():
    found = Depths()
    asked = [WHY._replace(query=str(number)) for number in range(depths._MAX_SEARCHES + 1)]
    for one in asked:
        found.note(one, 1)

    assert [found.of(asked[place]) for place in (0, 1, -1)] == [0, 1, 1]

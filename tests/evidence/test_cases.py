"""The cases of all collections: for how many there is room, who makes it, and what is kept."""

from __future__ import annotations

import orjson
import pytest

from proxy.evidence.case import Source, Terms
from proxy.evidence.cases import MOST_COLLECTIONS, Cases

SOURCES, TERMS = (Source.PROBES,), Terms(min_lift=0.0, error=0.05)


def cases(*names, harmed=()):
    """Return cases of collections, heard of in this order."""
    made = Cases(SOURCES, TERMS)
    for name in names:
        case = made.hear(("s", name), 0.0)
        for number in range(20 if name in harmed else 1):
            case.add(Source.PROBES, -1.0, number, 0.0)
    return made


def names(found):
    return [name for (_, name), _ in found.known()]


def test_a_collection_has_one_case():
    found = cases("a")

    assert found.hear(("s", "a"), 5.0) is found.get(("s", "a"))
    assert found.get(("other", "a")) is None
    assert names(found) == ["a"]


def test_who_was_heard_of_longest_ago_makes_room():
    found = cases(*map(str, range(MOST_COLLECTIONS)))
    found.hear(("s", "0"), 0.0)

    found.hear(("s", "new"), 0.0)

    assert len(names(found)) == MOST_COLLECTIONS
    assert names(found)[0] == "2"
    assert names(found)[-2:] == ["0", "new"]


def test_no_alarm_makes_room():
    found = cases(*map(str, range(MOST_COLLECTIONS)), harmed=("0", "1"))

    found.hear(("s", "new"), 0.0)

    assert names(found)[:3] == ["0", "1", "3"]
    assert found.alarmed() == {("s", "0"), ("s", "1")}


def test_where_all_are_alarmed_a_new_one_is_refused():
    """Else anyone who searches elsewhere would switch a harmed collection on again."""
    everyone = tuple(map(str, range(MOST_COLLECTIONS)))
    found = cases(*everyone, harmed=everyone)

    assert found.hear(("s", "new"), 0.0) is None
    assert found.hear(("s", "0"), 0.0) is not None

    assert found.refused == 1
    assert len(found.alarmed()) == MOST_COLLECTIONS


def test_what_is_forgotten_is_no_more():
    found = cases("a", harmed=("a",))

    assert found.forget(("s", "a")) is not None
    assert found.forget(("s", "a")) is None
    assert found.alarmed() == frozenset()


def test_a_case_is_a_line():
    found, other = cases("a", "b\n", harmed=("a",)), Cases(SOURCES, TERMS)
    lines = list(found.lines())

    assert len(lines) == 2
    assert not any(b"\n" in line for line in lines)
    assert other.restore(lines, 9.0) == 0
    assert names(other) == names(found)
    assert other.alarmed() == found.alarmed()
    assert [one.estimates() for _, one in other.known()] == [one.estimates() for _, one in found.known()]


@pytest.mark.parametrize("line", [b"{", b"7", b"[]", b'["s", "c"]', b'["s", "c", {"alarm": 1}]', b"\xff"])
def test_a_damaged_line_is_left_out(line):
    other = Cases(SOURCES, TERMS)

    assert other.restore([line, orjson.dumps(["s", "c", {"alarm": None, "sources": {}}])], 9.0) == 1
    assert names(other) == ["c"]

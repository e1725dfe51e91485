"""The policy's own patterns: what they mean, which are refused, and that none of them holds anybody up."""

from __future__ import annotations

import re
import threading

import pytest

from proxy.errors import BadConfig
from proxy.records.own_patterns import OwnPatterns
from proxy.records.redaction import MAX_TEXT


def found(pattern, text):
    return [text[start:end] for start, end in OwnPatterns([pattern]).spans(text)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"ACME-\d+", "ACME-12 and ACME-٣"),
        (r"(?i)projekt \w+", "PROJEKT Müller, Projekt Éclair"),
        (r"(?i)müller", "MÜLLER"),
        (r"[\w-]+@[\w.]+", "jürgen-x@müller.de"),
        (r"\W+", "a\xa0-\u2003b"),
        (r"\S+\s\D+", "ä\xa0é 1"),
        (r"[^\w]+", "é, é"),
        (r"[]a]+x", "]a]x"),
        (r"a{,3}b", "aab"),
        ("[{,3}]+", "{,3}"),
        (r"[$\d]+", "5$"),
        (r"secret.*$", "a secret one\n"),
        (r"end\Z", "the end"),
        (r"\u00e9t\u00e9", "un été"),
        (r"(?P<who>Max|Erika) Mustermann", "Erika Mustermann, Max Mustermann"),
        (r"\bID\b \d{5}", "an ID 12345"),
    ],
)
def test_a_pattern_means_what_it_means_to_python(pattern, text):
    expected = [match[0] for match in re.finditer(pattern, text)]

    assert expected
    assert [one.strip("\n") for one in found(pattern, text)] == expected


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (r"(?<=id: )\d+", "no look-arounds"),
        (r"\d+(?!x)", "no look-arounds"),
        (r"(a)\1", "no look-arounds, no backreferences"),
        (r"\d++x", "nothing possessive"),
        (r"(?>a+)b", "atomic"),
        (r"(?x) a b", "verbose"),
        (r"x{2000}", "up to 1000"),
        (r"(?:\w{1,1000}x){1,1000}", "up to 1000"),
        (r"[^\W\d]+", r"should not have \W, \D or \S in [...]"),
        (r"\bÖztürk\b", r"should not have \b or \B beside letters beyond ASCII"),
        ("\ud800", "RE2"),
    ],
)
def test_what_can_t_be_searched_for_in_time_is_refused_by_its_name(pattern, told):
    with pytest.raises(BadConfig) as caught:
        OwnPatterns(["fine", pattern, "fine too", pattern])

    first, second = caught.value.mistakes
    assert (first.key, second.key) == ("record.redact[1]", "record.redact[3]")
    assert repr(pattern) in str(first)
    assert told in str(first)


def test_nothing_is_no_match():
    assert not found("x*", "abc")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:\w+ ?){2,4}GmbH",
        r".*.*.*.*x",
        r"\d*\d*\d*\d*\d*z",
        r"\w+\s*\w*\s*\w*\s*\w*:",
        r"(a+)+$",
        r"(a|a?)+b",
        r"(?:a?){30}b",
    ],
)
@pytest.mark.parametrize("unit", ["a", "1", "word "])
def test_no_pattern_takes_for_ever(pattern, unit):
    """For some of these `re` would need longer than there are people; the test's time limit says it."""
    found(pattern, unit * (MAX_TEXT // len(unit)) + "!")


def test_others_go_on_while_a_text_is_searched():
    """A search of a tenth of a second: if it held Python's lock, nothing would be counted meanwhile."""
    patterns, text = OwnPatterns([r"(?:.?){0,500}x"]), "ä" * MAX_TEXT
    begun, over, counted = threading.Event(), threading.Event(), []

    def counts():
        while not over.wait(0.001):
            counted.append(1)
            begun.set()

    thread = threading.Thread(target=counts)
    thread.start()
    begun.wait()
    before = len(counted)
    assert not list(patterns.spans(text))
    during = len(counted) - before
    over.set()
    thread.join()

    assert during > 2

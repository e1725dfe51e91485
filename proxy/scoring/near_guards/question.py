"""What kind of answer a query asks for, and of which time."""

from __future__ import annotations

from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of others, or of what was said before: what they stand for is not in the query.
_PRONOUNS = "it its they them their theirs he him his she her hers this that these those there"
PRONOUNS = frozenset(_PRONOUNS.split())


class Kind(StrEnum):
    """By the first question word, or by the verb that a query begins with; bare keywords are of no kind."""

    WHAT = "what"
    HOW = "how"
    WHO = "who"
    WHEN = "when"
    WHERE = "where"
    WHY = "why"
    QUANTITY = "quantity"
    IS = "is"
    CAN = "can"
    SHOULD = "should"
    WILL = "will"
    NONE = "none"


_KINDS = {
    "what": Kind.WHAT,
    "which": Kind.WHAT,
    "how": Kind.HOW,
    "who": Kind.WHO,
    "whom": Kind.WHO,
    "whose": Kind.WHO,
    "when": Kind.WHEN,
    "where": Kind.WHERE,
    "why": Kind.WHY,
}
_BEGINNINGS = {
    word: kind
    for kind, verbs in {
        Kind.IS: "is are was were am do does did has have had",
        Kind.CAN: "can could may might",
        Kind.SHOULD: "should must shall ought",
        Kind.WILL: "will would",
    }.items()
    for word in verbs.split()
}
_MEASURES = "many much long often far old tall big high large deep fast heavy wide"
_QUANTITIES = frozenset(_MEASURES.split())
# "What is the best way to" asks how; so does "what is X like", and "what can I do to".
_WAYS = frozenset(("way", "ways", "method", "methods", "step", "steps", "tips", "procedure"))
_WITHIN = 7
# Keywords alone may ask for anything but these, which other words answer.
_STRICT = frozenset((Kind.WHO, Kind.WHEN, Kind.WHERE, Kind.WHY, Kind.QUANTITY))
_CHANGING = _STRICT - {Kind.WHY}
_TENSES = {
    word: tense
    for tense, verbs in {
        "past": "was were did had",
        "present": "is are am do does has have",
        "future": "will shall gonna",
    }.items()
    for word in verbs.split()
}


def kind(words: Sequence[str]) -> Kind:
    """Return the kind of the first question word; without one, of a verb at the beginning."""
    for at, word in enumerate(words):
        if (found := _KINDS.get(word)) is None:
            continue
        if found is Kind.WHAT and _asks_how(words[at + 1 :]):
            return Kind.HOW
        if found is Kind.HOW and at + 1 < len(words) and words[at + 1] in _QUANTITIES:
            return Kind.QUANTITY
        return found
    return _BEGINNINGS.get(words[0], Kind.NONE) if words else Kind.NONE


def clashing_kinds(asked: Kind, known: Kind) -> bool:
    """Say whether an answer to one is none to the other."""
    if Kind.NONE in (asked, known):
        return asked in _STRICT or known in _STRICT
    return asked is not known


def tenses(words: Sequence[str]) -> frozenset[str]:
    """Return the tenses of the auxiliary verbs."""
    return frozenset([_TENSES[word] for word in words if word in _TENSES])


def clashing_tenses(asked: frozenset[str], known: frozenset[str], kinds: set[Kind]) -> bool:
    """Say whether one looks back and the other ahead; who and where changes already from then to now."""
    if asked and known and not _CHANGING.isdisjoint(kinds):
        return asked.isdisjoint(known)
    either = asked ^ known
    return "past" in either and "future" in either


def _asks_how(rest: Sequence[str]) -> bool:
    if not _WAYS.isdisjoint(rest[:_WITHIN]):
        return True
    return any(
        (first == "like" and second in ("", "to", "in")) or (first in ("do", "done") and second == "to")
        for first, second in zip_longest(rest, rest[1:], fillvalue="")
    )

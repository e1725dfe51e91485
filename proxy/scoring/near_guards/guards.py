"""The guards: each refuses for a reason of its own, in a fixed order, and the first that does is named."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from proxy.scoring.near_guards.names import chunks
from proxy.scoring.near_guards.opposites import opposed
from proxy.scoring.near_guards.order import reordered
from proxy.scoring.near_guards.persons import clashing_persons
from proxy.scoring.near_guards.question import clashing_kinds, clashing_tenses

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from proxy.scoring.near_guards.query_features import QueryFeatures

# Up to so many content words, what a pronoun stands for is most of the question.
_FEW = 2


class Guard(StrEnum):
    """Why two near queries are not treated as one question; also a metric's label."""

    LENGTH = "length"
    LANGUAGE = "language"
    NUMBERS = "numbers"
    UNITS = "units"
    DATES = "dates"
    QUOTED = "quoted"
    IDENTIFIERS = "identifiers"
    NEGATION = "negation"
    OPPOSITES = "opposites"
    NAMES = "names"
    QUESTION = "question"
    TENSE = "tense"
    ORDER = "order"
    REFERENCE = "reference"
    CONTENT = "content"


def refusal(
    asked: QueryFeatures, known: QueryFeatures, guards: Container[Guard] | None = None
) -> Guard | None:
    """Return the first guard that refuses to treat two near queries as the same question, or None.

    `guards` are those that are on, all by default. The order of the two queries makes no difference. A query
    is not always let through with itself: one that is too long, or says nothing, is not compared at all.
    """
    for guard, refuses in _REFUSES.items():
        if (guards is None or guard in guards) and refuses(asked, known):
            return guard
    return None


def _length(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return asked.too_long or known.too_long


def _language(asked: QueryFeatures, known: QueryFeatures) -> bool:
    languages = {asked.language, known.language} - {None}
    return asked.scripts != known.scripts or len(languages) > 1


def _numbers(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return asked.numbers != known.numbers


def _units(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return asked.units != known.units


def _dates(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return asked.dates != known.dates


def _quoted(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return any(one not in known.folded for one in asked.quoted) or any(
        one not in asked.folded for one in known.quoted
    )


def _identifiers(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return not (_has_identifiers(asked, known) and _has_identifiers(known, asked))


def _has_identifiers(one: QueryFeatures, other: QueryFeatures) -> bool:
    """Say whether the other has all identifiers; it may have left out their capitals, not changed them."""
    if one.identifiers.keys() <= other.identifiers.keys():
        return True
    spoken = chunks(other.folded) - set(other.identifiers.values())
    return all(
        written in other.identifiers or folded in spoken for written, folded in one.identifiers.items()
    )


def _negation(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return asked.negations != known.negations


def _opposites(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return opposed(asked.stems, known.stems)


def _names(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return not (asked.names <= known.stems and known.names <= asked.stems)


def _question(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return clashing_kinds(asked.kind, known.kind)


def _tense(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return clashing_tenses(asked.tenses, known.tenses, {asked.kind, known.kind})


def _order(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return reordered(asked.order, known.order)


def _reference(asked: QueryFeatures, known: QueryFeatures) -> bool:
    fewest = min(len(asked.content), len(known.content))
    return (
        fewest == 0
        or (fewest <= _FEW and asked.pronouns != known.pronouns)
        or clashing_persons(asked.persons, known.persons)
    )


def _content(asked: QueryFeatures, known: QueryFeatures) -> bool:
    return asked.content != known.content


_REFUSES: Mapping[Guard, Callable[[QueryFeatures, QueryFeatures], bool]] = {
    Guard.LENGTH: _length,
    Guard.LANGUAGE: _language,
    Guard.NUMBERS: _numbers,
    Guard.UNITS: _units,
    Guard.DATES: _dates,
    Guard.QUOTED: _quoted,
    Guard.IDENTIFIERS: _identifiers,
    Guard.NEGATION: _negation,
    Guard.OPPOSITES: _opposites,
    Guard.NAMES: _names,
    Guard.QUESTION: _question,
    Guard.TENSE: _tense,
    Guard.ORDER: _order,
    Guard.REFERENCE: _reference,
    Guard.CONTENT: _content,
}
ALL = frozenset(Guard)

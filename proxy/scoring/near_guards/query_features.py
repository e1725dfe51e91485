"""What the guards know of one query: computed once, compared often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.scoring.near_guards.language import language, scripts
from proxy.scoring.near_guards.lexicon import lexeme
from proxy.scoring.near_guards.names import identifiers, letters, names, quoted
from proxy.scoring.near_guards.numbers import dates, numbers, units
from proxy.scoring.near_guards.order import Order, order
from proxy.scoring.near_guards.persons import Persons, persons
from proxy.scoring.near_guards.question import PRONOUNS, Kind, kind, tenses
from proxy.scoring.near_guards.text import plain, words

if TYPE_CHECKING:
    from collections.abc import Mapping

# Longer ones are no questions but documents, and never the same; what they cost is bounded by it too.
MAX_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """Sets are of stems that stand for all that mean the same (`lexicon`), if nothing else is said."""

    too_long: bool
    scripts: frozenset[str]
    language: str | None
    numbers: tuple[str, ...]  # as digits, in order
    units: frozenset[str]
    dates: frozenset[str]
    folded: str  # all of it, in lower case with single spaces
    quoted: frozenset[str]  # in lower case
    identifiers: Mapping[str, str]  # as written -> in lower case
    negations: int
    stems: frozenset[str]  # all words
    names: frozenset[str]
    kind: Kind
    tenses: frozenset[str]
    order: Order
    persons: Persons
    pronouns: frozenset[str]
    content: frozenset[str]  # words that the question is about


def features(query: str) -> QueryFeatures:
    """Return what the guards know of a query; time and size are bounded, whatever it is."""
    whole = plain(query[: MAX_CHARACTERS + 1])  # which may be longer: one character can stand for eighteen
    text = whole[:MAX_CHARACTERS]
    found = words(text)
    spoken = [word.text for word in found]
    shouted = text.isupper()
    capitals = names(found)
    marks = letters(found, capitals)
    read = [
        (word, *lexeme(word, name=at in marks or (len(written) > 1 and written.isupper() and not shouted)))
        for at, (word, written, _) in enumerate(found)
    ]
    asks = kind(spoken)
    who = persons(spoken)
    content = [(word, stem) for word, stem, role in read if role == "content"]
    return QueryFeatures(
        too_long=len(query) > MAX_CHARACTERS or len(whole) > MAX_CHARACTERS,
        scripts=scripts(text),
        language=language(spoken),
        numbers=numbers(found),
        units=units(found),
        dates=dates(spoken),
        folded=" ".join(text.casefold().split()),
        quoted=quoted(text),
        identifiers=identifiers(text),
        negations=[role for *_, role in read].count("negation"),
        stems=frozenset([stem for _, stem, _ in read]),
        names=frozenset([stem for word, stem in content if word in capitals]),
        kind=asks,
        tenses=tenses(spoken),
        order=order(read, who.acting),
        persons=who,
        pronouns=PRONOUNS.intersection(spoken),
        content=frozenset([stem for _, stem in content]),
    )

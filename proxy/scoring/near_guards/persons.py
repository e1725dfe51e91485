"""Who is spoken of, I, you, he, she or they, and what is whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.scoring.near_guards.lexicon import lexeme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ACTING = {
    word: person
    for person, words in {
        "me": "i me myself we us ourselves",
        "you": "you yourself yourselves",
        "he": "he him himself",
        "she": "she her herself",
        "they": "they them themselves",
    }.items()
    for word in words.split()
}
_OWNING = {
    word: person
    for person, words in {
        "me": "my mine our ours",
        "you": "your yours",
        "he": "his",
        "she": "her hers",
        "they": "their theirs",
    }.items()
    for word in words.split()
}
_ABLE = frozenset(("can", "could", "should", "must", "may", "might"))
_DO = frozenset(("do", "does", "would"))
_BEFORE_SUBJECTS = _ABLE | _DO | {"did", "will", "shall"}
# May stand before a subject.
_DETERMINERS = frozenset(("a", "an", "the", "this", "that", "these", "those", "not", *_OWNING)) - {"her"}
# How I do it is how you do it; what you think is not what I think.
_WAYS = frozenset(("how", "where"))
_OPINIONS = frozenset(("think", "feel"))
_PERSON = "(person)"


class Persons(NamedTuple):
    """Who is spoken of; where `you` is anyone, it is the same person as `I`: how do you boil an egg."""

    acting: Mapping[str, str]  # pronouns, each with its person
    owning: frozenset[str]
    subject: str | None  # after `do`, `can` ...: a person, or the stem of a content word


def persons(words: Sequence[str]) -> Persons:
    """Return who is spoken of in a query's words."""
    acting = {word: _ACTING[word] for word in _ACTING.keys() & words}
    owning = {_OWNING[word] for word in _OWNING.keys() & words}
    if "you" in acting and "me" not in owning and "me" not in acting.values() and _anyone(words):
        acting = {word: "me" if person == "you" else person for word, person in acting.items()}
        owning = {"me" if person == "you" else person for person in owning}
    return Persons(acting, frozenset(owning), _subject(words))


def clashing_persons(asked: Persons, known: Persons) -> bool:
    """Say whether each speaks of someone whom the other doesn't, or another does what is done."""
    return (
        _each_its_own(frozenset(asked.acting.values()), frozenset(known.acting.values()))
        or _each_its_own(asked.owning, known.owning)
        or (
            asked.subject != known.subject
            and None not in (asked.subject, known.subject)
            and _PERSON in (asked.subject, known.subject)
        )
    )


def _each_its_own(asked: frozenset[str], known: frozenset[str]) -> bool:
    return not (asked <= known or known <= asked)


def _anyone(words: Sequence[str]) -> bool:
    """Say whether `you` is anyone: how do you, where can you; not do you, what do you, how are you."""
    return any(
        you == "you" and (verb in _ABLE or (verb in _DO and before in _WAYS)) and after not in _OPINIONS
        for before, verb, you, after in zip(("", *words), words, words[1:], (*words[2:], ""), strict=False)
    )


def _subject(words: Sequence[str]) -> str | None:
    """Return who or what does it: can *I*, can my *employer*, what *I* should."""
    at = next((at for at, word in enumerate(words) if word in _BEFORE_SUBJECTS), len(words))
    if at < len(words) and words[max(at - 1, 0)] in _ACTING:
        return _PERSON
    rest = (word for word in words[at + 1 :] if word not in _DETERMINERS)
    subject = next(rest, None)
    if subject is None:
        return None
    if subject in _ACTING:
        return None if next(rest, None) in _OPINIONS else _PERSON
    stem, role = lexeme(subject)
    return stem if role == "content" else None

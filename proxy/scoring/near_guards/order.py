"""Whether two queries say the same words in an order, or with prepositions, that turn the meaning."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from proxy.scoring.near_guards.lexicon import Role

# What says which part the word that follows has: convert to X, faster than X, written by X.
_PREPOSITIONS = """
to from than by of in on at for with as about through within
"""
_PARTS = {word: word for word in _PREPOSITIONS.split()} | {
    "into": "to",
    "onto": "to",
    "toward": "to",
    "towards": "to",
    "upon": "on",
    "via": "through",
}
# Either of them for the other, more often than not: hotels in Rome, hotels of Rome.
_ALIKE = frozenset(
    frozenset(pair)
    for group in ("in on at of within", "of for", "of about")
    for pair in combinations(group.split(), 2)
)
# What stands between two words: nothing, an `a` or `i` (a name, perhaps), other grammar, or a preposition.
_NOTHING, _LETTER, _GRAMMAR = "", "a", "the"
# Or one of the two is a person: nothing else matters then.
_PERSON = "(person)"
_LETTERS = frozenset(("a", "i"))
# After these, an `a` is no name.
_BEFORE_ARTICLES = frozenset(("between", "before", "after", "during", "against", "over", "under"))
# What must not be lost, and to what: hepatitis a vaccine; charge to my phone.
_LOST = {_LETTER: (_NOTHING,)} | dict.fromkeys(
    ("to", "from", "by", "with", "as", "about"), (_NOTHING, _LETTER, _GRAMMAR)
)
_ANYONE = frozenset(("someone", "somebody", "anyone", "anybody"))
_PERSONS = _ANYONE | {"me", "you", "he", "she", "they"}
_NONE: frozenset[str] = frozenset()


class Link(NamedTuple):
    """Two words that follow each other, and what stands between."""

    first: str
    between: str
    second: str


class Order(NamedTuple):
    """Stems in order, each once, without function words; which follow each other; what has a preposition."""

    sequence: tuple[str, ...]
    links: frozenset[Link]
    parts: Mapping[str, frozenset[str]]


def order(words: Iterable[tuple[str, str, Role]], persons: Mapping[str, str]) -> Order:
    """Return the order of words, each with its stem and role; `persons`: pronouns, each with its person."""
    sequence: dict[str, None] = {}
    links: set[Link] = set()
    parts: dict[str, frozenset[str]] = {}
    near = last = part = None  # the word or person before; the content word before; the preposition
    between = _NOTHING
    for word, stem, role in words:
        here = stem
        if role == "function":
            part = _PARTS.get(word, part)
            between = _beyond(between, word)
            if word not in persons and word not in _ANYONE:
                continue
            here = persons.get(word, word)
        else:
            sequence[stem] = None
        if near is not None and (near in _PERSONS or here in _PERSONS):
            links.add(Link(near, _PERSON, here))
        if role != "negation":
            near = here
        # How something is done stands between `to` and what is done: to quickly learn.
        if part is not None and role in ("content", "function") and not word.endswith("ly"):
            # For learning, a way of learning: to learn.
            key = "to" if part in ("for", "of") and word.endswith("ing") else part
            parts[key] = parts.get(key, _NONE) | {here}
            part = None
        if role == "light":
            last = None
        elif role != "function":
            if last is not None and last != stem:
                links.add(Link(last, between, stem))
            last, between = stem, _NOTHING
    return Order(tuple(sequence), frozenset(links), parts)


def _beyond(between: str, word: str) -> str:
    """Return what stands between two words when a word of grammar comes on top of what did."""
    if word in _PARTS:
        return _PARTS[word]
    if between == _NOTHING and word in _LETTERS:
        return _LETTER
    return _GRAMMAR if between in (_NOTHING, _LETTER) else between


def reordered(asked: Order, known: Order) -> bool:
    """Say whether the order may turn the meaning: `A beats B`, `from A to B`, `milk chocolate`."""
    return (
        _reversed(asked.sequence, known.sequence)
        or _relinked(asked.links - known.links, known.links - asked.links)
        or _relinked(known.links - asked.links, asked.links - known.links)
        or _parted(asked.parts, known.parts)
        or _parted(known.parts, asked.parts)
    )


def _relinked(asked: AbstractSet[Link], known: AbstractSet[Link]) -> bool:
    """Say whether two words change places around the same, or lose a name or preposition between them."""
    for first, between, second in asked:
        if between != _GRAMMAR and (second, between, first) in known:
            return True
        lost = () if first in _BEFORE_ARTICLES else _LOST.get(between, ())
        if any((first, other, second) in known for other in lost):
            return True
    return False


def _parted(asked: Mapping[str, AbstractSet[str]], known: Mapping[str, AbstractSet[str]]) -> bool:
    """Say whether a preposition has only other words after it, or a word has only another before it."""
    for one, words in asked.items():
        for other, others in known.items():
            if one == other:
                if words.isdisjoint(others):
                    return True
            elif frozenset((one, other)) not in _ALIKE and not (
                (words - known.get(one, _NONE)).isdisjoint(others - asked.get(other, _NONE))
            ):
                return True
    return False


def _reversed(asked: Sequence[str], known: Sequence[str]) -> bool:
    """Say whether three words of one stand in the other from last to first.

    Moving a part of a sentence elsewhere turns no three words around; changing places around a verb does.
    """
    place = {word: at for at, word in enumerate(known)}
    highest = second = -1  # `second`: the highest place that has a higher one before it
    for word in asked:
        here = place.get(word)
        if here is None:
            continue
        if here < second:
            return True
        if here < highest:
            second = here
        else:
            highest = here
    return False

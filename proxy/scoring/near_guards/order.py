"""Whether two queries say the same words in an order that turns the meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from proxy.scoring.near_guards.lexicon import Role

# The word that follows has a part of its own: convert to X, faster than X, written by X.
_PARTS = {"to": "to", "into": "to", "onto": "to", "towards": "to", "from": "from"} | {
    word: word for word in ("than", "before", "after", "against", "by", "without", "instead")
}
_NONE: frozenset[str] = frozenset()
_TURNED = (("from", "to"), ("to", "from"), ("before", "after"), ("after", "before"))


class Order(NamedTuple):
    """Stems in order, each once, without function words; neighbours; what follows a word of direction."""

    sequence: tuple[str, ...]
    neighbours: frozenset[tuple[str, str]]
    parts: Mapping[str, frozenset[str]]


def order(words: Iterable[tuple[str, str, Role]]) -> Order:
    """Return the order of words, each with its stem and role."""
    sequence: dict[str, None] = {}
    neighbours: list[tuple[str, str]] = []
    parts: dict[str, frozenset[str]] = {}
    part = last = None
    for word, stem, role in words:
        if role == "function":
            part = _PARTS.get(word, part)
            last = None
            continue
        sequence[stem] = None
        if role == "light":
            last = None
            continue
        if last is not None and last != stem:
            neighbours.append((last, stem))
        last = stem
        # How something is done stands between `to` and what is done: to quickly learn.
        if part is not None and role == "content" and not word.endswith("ly"):
            parts[part] = parts.get(part, _NONE) | {stem}
            part = None
    return Order(tuple(sequence), frozenset(neighbours), parts)


def reordered(asked: Order, known: Order) -> bool:
    """Say whether the order may turn the meaning: `A beats B`, `from A to B`, `milk chocolate`."""
    return (
        _reversed(asked.sequence, known.sequence)
        or _swapped(asked.neighbours, known.neighbours)
        or any(
            words.isdisjoint(known.parts[part]) for part, words in asked.parts.items() if part in known.parts
        )
        or any(not _only(asked, *pair).isdisjoint(_only(known, *pair[::-1])) for pair in _TURNED)
    )


def _only(order: Order, one: str, other: str) -> frozenset[str]:
    """Return what follows the one word of direction and never the other."""
    return order.parts.get(one, _NONE) - order.parts.get(other, _NONE)


def _swapped(asked: AbstractSet[tuple[str, str]], known: AbstractSet[tuple[str, str]]) -> bool:
    """Say whether two neighbours of one change places in the other, and stand in one way only in each."""
    return any((second, first) in known - asked for first, second in asked - known)


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

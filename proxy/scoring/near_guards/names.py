"""What is meant letter by letter: quoted strings, identifiers, names by their capitals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.scoring.near_guards.lexicon import is_grammar
from proxy.scoring.near_guards.numbers import UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.scoring.near_guards.text import Word

_EDGES = ".,;:!?()[]{}<>\"'*"
_SIGNS = re.compile(
    r"[A-Za-z0-9][_@\\=][A-Za-z0-9]|::|->|://|[a-z][A-Z]|[A-Za-z][0-9]|[0-9][A-Za-z]|^[/$~\\.-][A-Za-z-]"
)
_DOTTED = re.compile(r"[\w-]+(?:\.[\w-]+)+", re.ASCII)
# 2nd, 10k, 5pm, 5kg: numbers.
_ENDS = "|".join(["st", "nd", "rd", "th", "k", *filter(str.isalpha, UNITS)])
_NUMBER = re.compile(rf"[0-9.,]+(?:{_ENDS})?", re.IGNORECASE)


def quoted(text: str) -> frozenset[str]:
    """Return what stands between double quotes, in lower case, without edge punctuation."""
    if '"' not in text:
        return _NONE
    inner = (" ".join(one.casefold().split()).strip(_EDGES) for one in text.split('"')[1::2])
    return frozenset(one for one in inner if one)


def identifiers(text: str) -> dict[str, str]:
    """Return what no dictionary has, as written and in lower case.

    Paths, URLs, addresses, flags, codes, snake_case, dotted.names and camelCase.
    """
    # A word in small letters, with a capital or without, is none: no need to look closer.
    odd = [_bare(one) for one in text.split() if not (one.isalpha() and one[1:].islower())]
    return {one: one.casefold() for one in odd if _identifies(one)}


def chunks(folded: str) -> frozenset[str]:
    """Return what stands between spaces, without edge punctuation."""
    return frozenset([_bare(chunk) for chunk in folded.split()])


def names(words: Sequence[Word]) -> frozenset[str]:
    """Return the words with a capital inside a sentence, in lower case; none where most words have one."""
    capital = [word for word in words if word.written[0].isupper()]
    if 3 * len(capital) > 2 * len(words) and len(words) > 2:
        return _NONE
    return frozenset([word.text for word in capital if not word.starts or word.written[1:].isupper()])


def letters(words: Sequence[Word], capitals: frozenset[str]) -> frozenset[int]:
    """Return the places of an A or I that names something: hepatitis A, section a of the act, world war I.

    `capitals` are the `names` of the words.
    """
    return frozenset(
        [at for at, word in enumerate(words) if word.text in _LETTERS and _names(words, at, capitals)]
    )


def _names(words: Sequence[Word], at: int, capitals: frozenset[str]) -> bool:
    letter = words[at]
    ends = at == len(words) - 1
    if letter.text == "i":
        return ends and at > 0 and not is_grammar(words[at - 1].text)
    if letter.starts:
        return False
    return ends or (letter.written == "A" and "a" in capitals) or is_grammar(words[at + 1].text)


def _bare(chunk: str) -> str:
    return chunk.rstrip(_EDGES).lstrip(_EDGES[1:])


def _identifies(one: str) -> bool:
    if len(one) < 2 or _NUMBER.fullmatch(one):
        return False
    if _SIGNS.search(one):
        return True
    return _DOTTED.fullmatch(one) is not None and one.lower() != one.upper()


_LETTERS = frozenset(("a", "i"))
_NONE: frozenset[str] = frozenset()

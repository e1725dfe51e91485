r"""The policy's own patterns of what must not be kept, for an engine that no pattern makes slow.

Python's `re` tries one way after another and holds up the whole process meanwhile. RE2 follows all ways at
once: its time grows with the text, whatever the pattern, and the process goes on. In return it knows neither
look-arounds nor backreferences, and takes `\w`, `\d`, `\s` and `\b` for ASCII's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import re2

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Span = tuple[int, int]

# Bytes that a pattern and its search may take.
_MAX_MEMORY = 2**25
_ALLOWED = (
    "should be a regular expression as RE2 has them: no look-arounds, no backreferences, nothing possessive, "
    "atomic or verbose, {n,m} up to 1000"
)
_NO_COMPLEMENT = r"should not have \W, \D or \S in [...]; what they leave out can be said instead"
_NO_BOUNDARY = r"should not have \b or \B beside letters beyond ASCII, which RE2 takes for spaces there"

# What a pattern is made of, as far as it is read differently: escapes, sets, and what stands for itself.
_TOKEN = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|\[:\^?\w+:\]|\[\^?\]?|\{,\d+\}|.", re.DOTALL)
# What Python means by them.
_WORD, _DIGIT, _SPACE = r"\pL\pM\pN_", r"\p{Nd}", r"\s\v\pZ"
_IN_SETS = {r"\w": _WORD, r"\d": _DIGIT, r"\s": _SPACE}
_OUTSIDE = {
    r"\w": f"[{_WORD}]",
    r"\W": f"[^{_WORD}]",
    r"\d": _DIGIT,
    r"\D": r"\P{Nd}",
    r"\s": f"[{_SPACE}]",
    r"\S": f"[^{_SPACE}]",
    r"\Z": r"\z",
    "$": r"(?:$|\n\z)",
}
_COMPLEMENTS = frozenset((r"\W", r"\D", r"\S"))
_BOUNDARIES = frozenset((r"\b", r"\B"))


class OwnPatterns:
    """The patterns of `record.redact`."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Take regular expressions as Python writes them.

        Raises:
            BadConfig: some of them are not what can be searched for in a time that grows with the text.
        """
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = _MAX_MEMORY
        self._compiled: list[Any] = []
        mistakes = []
        for place, pattern in enumerate(patterns):
            try:
                self._compiled.append(re2.compile(_as_re2(pattern), options))
            except (re2.error, ValueError) as error:
                mistakes.append(Mistake("(policy)", f"record.redact[{place}]", repr(pattern), _reason(error)))
        if mistakes:
            raise BadConfig(tuple(mistakes))

    def spans(self, text: str) -> Iterator[Span]:
        """Yield where what they match begins and ends, pattern by pattern; they match no empty text."""
        for pattern in self._compiled:
            for match in pattern.finditer(text):
                start, end = match.span()
                if start < end:
                    yield start, end


def _as_re2(pattern: str) -> str:
    """Return a pattern that means to RE2 what the given one means to Python."""
    made, in_set, boundary = [], False, False
    for token in _TOKEN.findall(pattern):
        if in_set and token in _COMPLEMENTS:
            raise ValueError(_NO_COMPLEMENT)
        boundary |= not in_set and token in _BOUNDARIES
        if token.startswith(r"\u"):
            made.append(rf"\x{{{token[2:]}}}")
        elif token.startswith("{,"):
            made.append(token if in_set else "{0" + token[1:])
        else:
            made.append((_IN_SETS if in_set else _OUTSIDE).get(token, token))
        if token == "]":  # noqa: S105 - no password
            in_set = False
        elif token.startswith("[") and not token.startswith("[:"):
            in_set = True
    if boundary and not pattern.isascii():
        raise ValueError(_NO_BOUNDARY)
    return "".join(made)


def _reason(error: Exception) -> str:
    (what,) = error.args[:1] or ("",)
    if isinstance(what, bytes):
        return f"{_ALLOWED} ({what.decode(errors='replace')})"
    return what if what in (_NO_COMPLEMENT, _NO_BOUNDARY) else _ALLOWED

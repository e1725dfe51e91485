"""JSON read from front to end without a tree of what nobody asks for, in small steps.

For bodies that the store has judged already. Reading is lenient: what is passed over is not checked, and
what is asked for is `orjson`'s to judge. Nothing is read ahead, and no step takes longer than some
milliseconds, so a caller can do other things in between::

    reader = JsonReader(body)
    for key in reader.members():
        if key == b"points":
            for _ in reader.elements():
                point = reader.value()
        else:
            for _ in reader.passed():
                ...
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.codecs import _json
from proxy.codecs._json_scan import MAX_DEPTH, STRING, short_value_end
from proxy.errors import Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.codecs.text import Json

# Spaces, and keys with those around them, are no longer than that.
_LONGEST_KEY = 64 * 1024
_KEY = re.compile(rb"[\s,]*+(" + STRING + rb")\s*+:\s*+", re.DOTALL)
_SEPARATOR = re.compile(rb"[\s,]*+")


class JsonReader:
    """A place in a document, which goes forward only; a loop that is left early leaves it inside."""

    def __init__(self, body: bytes, at: int = 0) -> None:
        """Start in front of the document, or of the value that begins at `at`."""
        self._body = body
        self._at = at
        self._pass_separator()

    def copy(self) -> JsonReader:
        """Return another reader at the same place."""
        return JsonReader(self._body, self._at)

    @property
    def at_null(self) -> bool:
        """Whether null comes next."""
        return self._body.startswith(b"null", self._at)

    def members(self) -> Iterator[bytes]:
        """Yield the keys of the object that comes next, as spelled; read the value of each, or let it be.

        Raises:
            Undecodable: no object comes next, or it does not end, or a value let be is too large for a step.
        """
        self._enter(b"{")
        while match := _KEY.match(self._body, self._at, self._at + _LONGEST_KEY):
            self._at = match.end()
            yield match[1][1:-1]
            self._pass_value(match.end())
        self._leave(b"}")

    def elements(self) -> Iterator[None]:
        """Stop in front of every element of the array that comes next; read it, or let it be.

        Raises:
            Undecodable: no array comes next, or it does not end, or an element let be is too large for a
                step.
        """
        self._enter(b"[")
        self._pass_separator()
        while self._body[self._at : self._at + 1] not in (b"]", b""):
            start = self._at
            yield
            self._pass_value(start)
            self._pass_separator()
        self._leave(b"]")

    def value(self) -> Json:
        """Return the value that comes next.

        Raises:
            Undecodable: it is none, or nested too deeply, or too large for a step.
        """
        start, self._at = self._at, self._short_end()
        return _json.parse(self._body[start : self._at])

    def passed(self, depth: int = MAX_DEPTH) -> Iterator[None]:
        """Go behind the value that comes next, however large it is, and stop after every small step.

        Raises:
            Undecodable: it is none, or nested too deeply, or holds a string that is too large for a step.
        """
        if (end := short_value_end(self._body, self._at)) is not None:
            self._at = end
            yield
            return
        yield
        opening = self._body[self._at : self._at + 1]
        if depth == 0 or opening not in (b"[", b"{"):
            raise Undecodable("nested too deeply, too large, or no value")
        for _ in self.elements() if opening == b"[" else self.members():
            yield from self.passed(depth - 1)

    def _pass_value(self, start: int) -> None:
        """Go behind the value that begins at `start`, if nobody has read it."""
        if self._at == start:
            self._at = self._short_end()

    def _short_end(self) -> int:
        end = short_value_end(self._body, self._at)
        if end is None:
            raise Undecodable("nested too deeply, too large, or no value")
        return end

    def _pass_separator(self) -> None:
        match = _SEPARATOR.match(self._body, self._at, self._at + _LONGEST_KEY)
        assert match is not None
        self._at = match.end()

    def _enter(self, opening: bytes) -> None:
        if self._body[self._at : self._at + 1] != opening:
            raise Undecodable(f"no {'object' if opening == b'{' else 'array'} where one is expected")
        self._at += 1

    def _leave(self, closing: bytes) -> None:
        self._pass_separator()
        if self._body[self._at : self._at + 1] != closing:
            raise Undecodable("an object or array does not end")
        self._at += 1

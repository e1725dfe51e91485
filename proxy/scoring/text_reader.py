"""Texts to tokens, as many as a model reads: it is the document that is cut, not the query.

A document that is longer than one window is cut, or read in several windows. Those have about equal lengths
and do not overlap: a text of a window and a few words becomes two halves. A last window of those few words
would have a score that says little, and filled up with what was read before it would be computed twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Encoding

# Characters that are looked at for one token. Words are shorter, even with the spaces around them; and of a
# document that is a book, the model reads a page.
_CHARACTERS_PER_TOKEN = 32
# What is enough of almost all texts, and looked at first: a tokenizer takes as long for the rest.
_USUAL_CHARACTERS_PER_TOKEN = 8


def readable(text: str, max_tokens: int) -> str:
    """Return the part of a text that is looked at for its first tokens."""
    return text[: max_tokens * _CHARACTERS_PER_TOKEN]


class TextReader:
    """A tokenizer with a limit. May be used by several threads at once."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        """Load a `tokenizer.json`; `max_tokens` counts special tokens too."""
        self._max_tokens = max_tokens
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A document that holds the text "[SEP]" has a word of that spelling, not two parts.
        self._tokenizer.encode_special_tokens = True

    def one(self, text: str, max_tokens: int | None = None) -> Encoding:
        """Return a single text's tokens, up to the reader's limit or a smaller one."""
        return self.windows(text, max_tokens=max_tokens)[0]

    def pair(self, query: str, text: str, max_tokens: int | None = None) -> Encoding:
        """Return the tokens of a query and a text together.

        The text is cut to what the query leaves. Only of the query what is longer than half of the limit is
        cut as well: with less left for them, all texts would look alike.
        """
        return self.windows(text, query, max_tokens=max_tokens)[0]

    def windows(
        self, text: str, query: str | None = None, *, max_tokens: int | None = None, windows: int = 1
    ) -> list[Encoding]:
        """Return the start of a text in up to so many windows, each with the query as in `pair`.

        There is at least one, and no more than the text fills. Each has at most `max_tokens`, or the reader's
        limit if that is smaller. Together they hold the text's tokens in order, each token once.
        """
        special = self._tokenizer.num_special_tokens_to_add(is_pair=query is not None)
        limit = min(self._max_tokens, max_tokens or self._max_tokens)
        first = None if query is None else self._start(query, limit // 2)
        room = limit - special - (0 if first is None else len(first))
        start = self._start(text, room * windows)
        count = max(1, -(-len(start) // room))
        start.truncate(-(-len(start) // count))
        parts = (start, *start.overflowing)[:count]
        if first is None:
            return [self._tokenizer.post_process(part) for part in parts]
        return [self._tokenizer.post_process(first, part) for part in parts]

    def _start(self, text: str, tokens: int) -> Encoding:
        """Return the first tokens of the readable part, without looking at all of it if that can be known."""
        usual = text[: tokens * _USUAL_CHARACTERS_PER_TOKEN]
        start = self._tokenizer.encode(usual, add_special_tokens=False)
        # The cut may have changed the last word, but not the words before it.
        if len(usual) < len(text) and not _ends_inside(start, tokens):
            start = self._tokenizer.encode(readable(text, tokens), add_special_tokens=False)
        start.truncate(tokens)
        return start


def _ends_inside(start: Encoding, tokens: int) -> bool:
    """Whether the first tokens end before the last word does begin."""
    return len(start) > tokens and start.token_to_word(tokens - 1) != start.token_to_word(len(start) - 1)

"""Texts to tokens, as many as a model reads: it is the document that is cut, not the query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Encoding

# Characters that are looked at for one token. Words are shorter, even with the spaces around them; and of a
# document that is a book, the model reads a page.
_CHARACTERS_PER_TOKEN = 32


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
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        limit = min(self._max_tokens, max_tokens or self._max_tokens)
        return self._tokenizer.post_process(self._start(text, limit - special))

    def pair(self, query: str, text: str, max_tokens: int | None = None) -> Encoding:
        """Return the tokens of a query and a text together.

        The text is cut to what the query leaves. Only of the query what is longer than half of the limit is
        cut as well: with less left for them, all texts would look alike.
        """
        special = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        limit = min(self._max_tokens, max_tokens or self._max_tokens)
        first = self._start(query, limit // 2)
        second = self._start(text, limit - special - len(first))
        return self._tokenizer.post_process(first, second)

    def _start(self, text: str, tokens: int) -> Encoding:
        start = self._tokenizer.encode(readable(text, tokens), add_special_tokens=False)
        start.truncate(tokens)
        return start

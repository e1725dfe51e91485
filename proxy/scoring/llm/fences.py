"""Texts inside a prompt that can't pass for a part of it: fenced, and stripped of what looks like a fence.

A fence carries a nonce that is drawn after all texts are known, so no text can hold it. What merely looks
like a fence is defused: models may not compare nonces as carefully as they should. So is what chat templates
are made of: many a server reads `<|im_end|>` in a text as the end of the message. A text can still plead
with the model. What that may win is bounded by `answers`: an order of the documents, or a grade, or nothing.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# The start of whatever looks like one of our tags, with or without a nonce.
_OURS = r"<(?=\s*/?\s*(?:query|document)(?![^\W\d_]))"
# What chat templates mark turns with: ChatML, Llama 3, Phi, GPT; DeepSeek, with a wide bar; Llama 2 and
# Mistral; Gemma.
_THEIRS = r"<(?=[|\uff5c])|(?<=[|\uff5c])>|<(?=<?/?SYS>|/?s>|(?:start|end)_of_turn>)|\[(?=/?INST\])"
_LOOKALIKE = re.compile(f"{_OURS}|{_THEIRS}", re.IGNORECASE)
_DEFUSED = {"<": "\u2039", ">": "\u203a", "[": "\u2045"}
# Control characters; halves of surrogate pairs, which UTF-8 has no bytes for; and the Unicode tags, which
# people don't see and models read.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\U000e0000-\U000e007f]")
# What has no width of its own, and so no place where it is left out: joiners, soft hyphens, changes of
# direction, variation selectors, fillers (Unicode's Default_Ignorable_Code_Point), and annotations. It could
# hide a lookalike from us, or a message from people.
_WIDTHLESS = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff]"
)
# A token of English has 4.4 bytes on average, of other languages and of code fewer.
BYTES_PER_TOKEN = 4


def _draw() -> str:
    return secrets.token_hex(6)


class Fence:
    """The fence of one request."""

    def __init__(self, texts: Iterable[str], draw: Callable[[], str] = _draw) -> None:
        """Draw a nonce that none of the texts holds."""
        texts = tuple(texts)
        self.nonce = draw()
        while any(self.nonce in text for text in texts):
            self.nonce = draw()

    def query(self, text: str) -> str:
        """Return the query, fenced."""
        return f"<query-{self.nonce}>\n{harmless(text)}\n</query-{self.nonce}>"

    def document(self, text: str, number: int | None = None) -> str:
        """Return a document, fenced; its number stands in the fence, where it can't be forged."""
        numbered = "" if number is None else f' number="{number}"'
        return f"<document-{self.nonce}{numbered}>\n{harmless(text)}\n</document-{self.nonce}>"


def harmless(text: str) -> str:
    """Return a text without what could be taken for a fence or a turn, or is read by models alone."""
    seen = _HIDDEN.sub("\ufffd", _WIDTHLESS.sub("", text))
    return _LOOKALIKE.sub(lambda found: _DEFUSED[found[0]], seen)


def cut(text: str, max_tokens: int) -> str:
    """Return about the first `max_tokens` tokens of a text. Cheap."""
    room = max_tokens * BYTES_PER_TOKEN
    start = text[:room]
    if start.isascii():
        return start
    return start.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")

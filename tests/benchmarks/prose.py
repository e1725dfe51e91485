"""Texts of any length for timings: Python's own language reference, which every Python has."""

from __future__ import annotations

from pydoc_data.topics import topics

QUERIES = (
    "how does a for loop end early",
    "what happens to a name that is assigned in a nested function",
    "when is the finally clause run",
    "how are keyword arguments matched to parameters",
    "what makes an object callable",
)
WORDS = " ".join(topics[name] for name in sorted(topics)).split()
WORDS_PER_100_TOKENS = 58  # of the reference's prose, by the tokenizer of all-MiniLM-L6-v2


def passages(count: int, tokens: int, *, skip: int = 0) -> list[str]:
    """Return passages of about so many tokens; those of another `skip` are others."""
    length = tokens * WORDS_PER_100_TOKENS // 100
    start = skip * length % (len(WORDS) - count * length)
    return [" ".join(WORDS[first : first + length]) for first in range(start, start + count * length, length)]

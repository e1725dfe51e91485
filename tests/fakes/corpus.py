"""A small corpus and an embedding of it, the same on every machine, without a model.

Passages are made of topic words, so that near vectors mean shared words; each also holds one word that no
other passage has (`serial0007`), which a query can name to point at exactly one passage.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np

SIZE = 24  # dimensions of `embed`

TOPICS = {
    "storage": "disk block journal snapshot replica index page cache compaction segment",
    "network": "socket packet latency router timeout retry proxy header handshake tunnel",
    "kitchen": "onion butter oven simmer flour pepper basil broth skillet dough",
    "garden": "soil compost seedling pruning trellis mulch blossom harvest root shade",
    "music": "chord rhythm melody tempo octave harmony violin chorus bridge bass",
}

_NAMESPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Passage:
    """One document: `number` is its place in the corpus, from 0."""

    number: int
    topic: str
    text: str

    @property
    def id(self) -> str:
        """Give the id a Chroma application would use."""
        return f"passage-{self.number}"

    @property
    def uuid(self) -> str:
        """Give a stable UUID, for stores that take no other strings."""
        return str(uuid5(_NAMESPACE, self.id))

    @property
    def serial(self) -> str:
        """Give the one word that only this passage holds."""
        return f"serial{self.number:04}"

    @property
    def metadata(self) -> dict[str, str | int | float | bool]:
        """Give metadata of every scalar type."""
        even = self.number % 2 == 0
        return {"topic": self.topic, "number": self.number, "weight": self.number / 8, "even": even}


def passages(count: int) -> tuple[Passage, ...]:
    """Give the first `count` passages of the corpus."""
    return tuple(_passage(number) for number in range(count))


def embed(text: str, size: int = SIZE) -> list[float]:
    """Give a vector of about unit length: the sum of one fixed random direction per word.

    Its values are multiples of 1/256, so dot products are exact in float32 in whatever order they are summed:
    a store that computes a score twice finds it equal to the last bit.
    """
    total = np.zeros(size)
    for word in _WORD.findall(text.lower()):
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        total += np.random.default_rng(seed).standard_normal(size)
    length = float(np.linalg.norm(total)) or 1.0
    return [float(value) for value in np.round(total / length * 256) / 256]


def _passage(number: int) -> Passage:
    dice = random.Random(number)
    topic = list(TOPICS)[number % len(TOPICS)]
    words = [*dice.choices(TOPICS[topic].split(), k=12), f"serial{number:04}"]
    dice.shuffle(words)
    return Passage(number, topic, " ".join(words).capitalize() + ".")

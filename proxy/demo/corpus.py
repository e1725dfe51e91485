"""The demo's corpus: what the installed Python standard library says about itself.

Every documented public function, class and method is one document; a long one is cut into several passages.
Nothing is downloaded, and the same interpreter always gives the same passages in the same order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.demo._live_docs import live_documents
from proxy.demo._source_docs import source_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# About 200 tokens of the embedding model, which reads 256: no passage loses its end.
PASSAGE_WORDS = 120
# A signature of a hundred keyword arguments would crowd out the description.
SIGNATURE_LETTERS = 160


@dataclass(frozen=True, slots=True)
class Document:
    """One documented name; `signature` has its parentheses and is empty for a property."""

    name: str
    signature: str
    doc: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One piece of a document as it is indexed; from the second piece on its `id` ends in `#2`, `#3`, ..."""

    id: str
    document: str
    text: str


def read_corpus() -> tuple[Passage, ...]:
    """Read all passages, sorted by document."""
    documents = {name: Document(name, signature, doc) for name, signature, doc in live_documents()}
    # Where a module has both, its source is preferred: signatures there have names and defaults.
    documents |= {name: Document(name, signature, doc) for name, signature, doc in source_documents()}
    return tuple(passage for name in sorted(documents) for passage in cut(documents[name]))


def cut(document: Document) -> Iterator[Passage]:
    """Cut a document at line ends; every piece repeats the name, so that it can be understood alone."""
    signature = document.signature
    if len(signature) > SIGNATURE_LETTERS:
        signature = f"{signature[:SIGNATURE_LETTERS]}...)"
    for number, piece in enumerate(_pieces(document.doc), 1):
        if number == 1:
            yield Passage(document.name, document.name, f"{document.name}{signature}\n{piece}")
        else:
            yield Passage(f"{document.name}#{number}", document.name, f"{document.name} (continued)\n{piece}")


def digest(passages: Sequence[Passage]) -> str:
    """Name a corpus by what is in it: 16 hexadecimal digits."""
    hasher = hashlib.sha256()
    for passage in passages:
        hasher.update(f"{passage.id}\0{passage.text}\0".encode())
    return hasher.hexdigest()[:16]


def document_of(passage_id: str) -> str:
    """Return the document that a passage was cut from."""
    return passage_id.partition("#")[0]


def _pieces(doc: str) -> Iterator[str]:
    """Collect whole lines until a piece is full; the blank lines between pieces are dropped."""
    piece: list[str] = []
    words = 0
    for line in doc.splitlines():
        length = len(line.split())
        if words and words + length > PASSAGE_WORDS:
            yield "\n".join(piece).strip()
            piece, words = [], 0
        if length or words:
            piece.append(line)
            words += length
    if words:
        yield "\n".join(piece).strip()

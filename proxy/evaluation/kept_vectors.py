"""Vectors that were computed once and are found again, in files of a few hundred.

A collection takes minutes to embed: whatever ends a run, the next one goes on where it was.
"""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

# Texts in a file. On two cores they take some ten seconds, which is what Ctrl-C loses.
AT_ONCE = 512
# Bytes in the folder; the files that were not used for longest are removed. Some 650,000 texts.
MOST_BYTES = 2**30


class Embeds(Protocol):
    """What makes vectors of texts."""

    @property
    def identity(self) -> str:
        """Changes with anything that could change a vector; fit for a file's name."""
        ...

    def embed(
        self, texts: Sequence[str], advance: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return one vector per text, float32, shape (n, d); `advance(1)` is called for each."""
        ...


def evaluation_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where evaluations keep vectors: in `$MIDRANK_CACHE_DIR` or `~/.cache/midrank`."""
    chosen = environment.get("MIDRANK_CACHE_DIR")
    return (Path(chosen) if chosen else Path.home() / ".cache" / "midrank") / "evaluation"


def kept_vectors(
    folder: Path,
    texts: Sequence[str],
    model: Embeds,
    advance: Callable[[int], None] | None = None,
    *,
    at_once: int = AT_ONCE,
    most_bytes: int = MOST_BYTES,
) -> NDArray[np.float32]:
    """Return one vector per text, float32, shape (n, d), in memory; embedded only where the folder has none.

    `advance` is told of how many texts there are vectors now, and adds up to all of them. A file holds
    `at_once`, and all of them `most_bytes`.
    """
    parts = []
    for some in _in_parts(texts, at_once):
        file = folder / f"vectors-{model.identity}-{_digest(some)}.npy"
        vectors = _read(file, len(some))
        if vectors is None:
            vectors = model.embed(some, advance)
            buffer = BytesIO()
            np.save(buffer, vectors, allow_pickle=False)
            write_whole(file, buffer.getvalue())
        elif advance is not None:
            advance(len(some))
        parts.append(vectors)
    keep_within(folder, "vectors-*.npy", most_bytes)
    return np.concatenate(parts)


def keep_within(folder: Path, pattern: str, most: int) -> None:
    """Remove the files that were not used for longest, until the others are `most` bytes."""
    files = [(file.stat(), file) for file in folder.glob(pattern)]
    total = 0
    for stat, file in sorted(files, key=lambda one: -one[0].st_mtime):
        total += stat.st_size
        if total > most:
            file.unlink(missing_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is there completely or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(file)


def _in_parts(texts: Sequence[str], at_once: int) -> Iterator[list[str]]:
    rest = iter(texts)
    while some := list(islice(rest, at_once)):
        yield some


def _digest(texts: Sequence[str]) -> str:
    """Return what tells these texts from others, also from the same letters in other texts."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded) + encoded)
    return digest.hexdigest()[:32]


def _read(file: Path, count: int) -> NDArray[np.float32] | None:
    """Return the vectors in a file, and mark it as used; None if it is not there or not whole."""
    try:
        vectors: NDArray[np.float32] = np.load(file, allow_pickle=False)
        file.touch()
    except (OSError, ValueError, EOFError):
        return None
    whole = vectors.dtype == np.float32 and vectors.ndim == 2 and len(vectors) == count
    return vectors if whole and bool(np.isfinite(vectors).all()) else None

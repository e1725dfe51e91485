"""What a run of the demo prepares and the next one finds again, in the user's cache folder.

Everything is kept under a name that says what it was made from: another Python, another embedding model or
another Chroma finds nothing and starts afresh.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import sys
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from proxy.demo import _live_docs, _source_docs, corpus
from proxy.demo.corpus import Passage
from proxy.demo.servers import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray


def demo_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder: beside the models, in `$MIDRANK_CACHE_DIR` or `~/.cache/midrank`."""
    chosen = environment.get("MIDRANK_CACHE_DIR")
    return (Path(chosen).absolute() if chosen else Path.home() / ".cache" / "midrank") / "demo"


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Keep a second demo out of the folder while the block runs: two Chroma servers must not share one.

    Raises:
        DemoFailed: another demo is in there.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however it ends
        except OSError as error:
            raise DemoFailed("Another demo is running; stop it first, or set MIDRANK_CACHE_DIR.") from error
        yield


def kept_corpus(
    folder: Path, read: Callable[[], tuple[Passage, ...]] = corpus.read_corpus
) -> tuple[Passage, ...]:
    """Read the corpus that this interpreter and this code make; parsing the library takes seconds."""
    sources = [inspect.getsource(module).encode() for module in (corpus, _live_docs, _source_docs)]
    key = hashlib.sha256(b"\0".join([sys.version.encode(), sys.prefix.encode(), *sources])).hexdigest()[:16]
    file = folder / f"corpus-{key}.json"
    if file.exists():
        return tuple(Passage(**item) for item in orjson.loads(file.read_bytes()))
    passages = read()
    _write(file, orjson.dumps([asdict(passage) for passage in passages]))
    return passages


def kept_vectors(
    folder: Path, texts: Sequence[str], embed: Callable[[Sequence[str]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return `embed(texts)`, float32, shape (n, d); from the folder if just these were embedded before."""
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    file = folder / f"vectors-{digest}.npy"
    if not file.exists():
        buffer = BytesIO()
        np.save(buffer, embed(texts), allow_pickle=False)
        _write(file, buffer.getvalue())
    vectors: NDArray[np.float32] = np.load(file, allow_pickle=False)
    return vectors


def _write(file: Path, content: bytes) -> None:
    """Write a file so that it is there completely or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.replace(file)

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
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from proxy.demo import _live_docs, _source_docs, corpus
from proxy.demo.corpus import Passage
from proxy.evaluation.kept_vectors import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class InUse(Exception):
    """Another demo uses the folder; the message tells the user what to do."""


def demo_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder: beside the models, in `$MIDRANK_CACHE_DIR` or `~/.cache/midrank`."""
    chosen = environment.get("MIDRANK_CACHE_DIR")
    return (Path(chosen).absolute() if chosen else Path.home() / ".cache" / "midrank") / "demo"


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Keep a second demo out of the folder while the block runs: two Chroma servers must not share one.

    Raises:
        InUse: another demo is in there.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however it ends
        except OSError as error:
            raise InUse("Another demo is running; stop it first, or set MIDRANK_CACHE_DIR.") from error
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
    write_whole(file, orjson.dumps([asdict(passage) for passage in passages]))
    return passages

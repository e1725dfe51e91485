"""Files of judged questions, line by line: what may stand where; a mistake is named with its place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard

import orjson

from proxy.errors import BadConfig, Mistake
from proxy.offline.queries import BadLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# Above what anybody grades by, and far below where trec_eval's numbers end.
HIGHEST_GRADE = 1000
# Nobody corrects more at once.
_MOST_MISTAKES = 20
# What some editors begin a file in UTF-8 with.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_objects(file: Path, take: Callable[[Mapping[str, object]], None]) -> None:
    """Have the object of every line taken in; what is wrong with one `take` tells by `BadLine`.

    Raises:
        BadConfig: the file can't be read, or some line is wrong; the first of them are named.
    """
    _read(file, lambda _, line: take(_object(line)))


def read_grades(file: Path) -> dict[str, dict[str, float]]:
    """Read `query id, document id, grade` with tabs between them, under a line of headings or without one.

    Only grades above 0 are told; a query that has none is there, with nothing.

    Raises:
        BadConfig: the file can't be read, or some line is wrong; the first of them are named.
    """
    told: dict[str, dict[str, float]] = {}

    def take(number: int, line: bytes) -> None:
        cells = line.decode("utf-8", "replace").split("\t")
        heading = number == 1 and len(cells) == 3 and not _is_whole(cells[2])
        if heading:
            return
        # TREC's own form has a column more, which by numeric ids alone would not be noticed.
        if len(cells) != 3 or not _is_whole(cells[2]):
            wanted = "query id, document id and a whole number, with tabs between them"
            trec = ", without the second of TREC's four columns" if len(line.split()) == 4 else ""
            raise BadLine("(line)", f"{len(cells)} columns", wanted + trec)
        query, document, value = cells[0], cells[1], grade(int(cells[2]), "score")
        if told.setdefault(query, {}).setdefault(document, value) != value:
            raise BadLine("(line)", "judged twice", "one grade for a query and a document")

    _read(file, take)
    return {
        query: {document: value for document, value in those.items() if value > 0}
        for query, those in told.items()
    }


def identifier(value: object, key: str) -> str:
    """Return an id as a string.

    Raises:
        BadLine: it is neither a string nor a whole number.
    """
    if isinstance(value, str) or type(value) is int:
        return str(value)
    raise BadLine(key, kind(value), "a string or a whole number")


def string(value: object, key: str) -> str:
    """Return a string.

    Raises:
        BadLine: it is none.
    """
    if isinstance(value, str):
        return value
    raise BadLine(key, kind(value), "a string")


def grade(value: object, key: str) -> float:
    """Return a grade.

    Raises:
        BadLine: it is no whole number, or one above `HIGHEST_GRADE`.
    """
    # In this order, as not every whole number is a float.
    if is_number(value) and value <= HIGHEST_GRADE and float(value).is_integer():
        return float(value)
    wanted = f"whole numbers up to {HIGHEST_GRADE:,}, above 0 for what is relevant"
    raise BadLine(key, kind(value), wanted)


def is_number(value: object) -> TypeGuard[int | float]:
    """Say whether a value is a number, not infinite or none."""
    if isinstance(value, int):
        return not isinstance(value, bool)
    return isinstance(value, float) and math.isfinite(value)


def kind(value: object) -> str:
    """Return what a value is, never the value."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number"}
    return "missing" if value is None else names.get(type(value), "a number")


def _read(file: Path, take: Callable[[int, bytes], None]) -> None:
    """Have every line taken in that is not empty, with its number."""
    try:
        data = file.read_bytes()
    except OSError as error:
        what = error.strerror or "unreadable"
        raise BadConfig((Mistake(str(file), "(file)", what, "a readable file"),)) from error
    mistakes = []
    for number, line in enumerate(data.removeprefix(_BYTE_ORDER_MARK).splitlines(), 1):
        if not line.strip():
            continue
        try:
            take(number, line)
        except BadLine as bad:
            mistakes.append(bad.at(str(file), number))
    if mistakes:
        raise BadConfig(tuple(mistakes[:_MOST_MISTAKES]))


def _object(line: bytes) -> dict[str, object]:
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadLine("(line)", "not JSON", "an object, in UTF-8") from None
    if not isinstance(data, dict):
        raise BadLine("(line)", kind(data), "an object")
    return data


def _is_whole(cell: str) -> bool:
    try:
        int(cell)
    except ValueError:
        return False
    return True

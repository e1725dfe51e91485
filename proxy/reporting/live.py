"""What a running midrank tells: how its models are just now, and what live traffic proves so far.

All of it may be missing, or be of a later midrank: what is not understood is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.reporting import wording
from proxy.reporting.document import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TONES = {"harmful": "bad", "good": "good"}
_READY = "ready"


def live_tables(status: Mapping[str, object], evidence: Mapping[str, object]) -> list[Table]:
    """Return tables of what `/status` and `/evidence` answer."""
    tables = (
        Table("Models, just now", ("model", "state", "why"), tuple(_models(status))),
        Table("Proof, just now", ("collection", "by", "verdict"), tuple(_proof(evidence))),
        Table(
            "Shadow, just now",
            ("collection", "rankings", "same rows on the page", "another first row", "would add p99"),
            tuple(_shadow(evidence)),
            1,
        ),
    )
    return [table for table in tables if table.rows]


def _models(status: Mapping[str, object]) -> Iterator[Row]:
    for name, told in _mapping(status.get("models")).items():
        model = _mapping(told)
        state = _text(model.get("state"))
        yield Row((_name(name), state, _text(model.get("reason"))), "" if state == _READY else "open")


def _proof(evidence: Mapping[str, object]) -> Iterator[Row]:
    collections = _mapping(evidence.get("harm")).get("collections")
    for one in map(_mapping, collections if isinstance(collections, list) else ()):
        place = f"{_name(one.get('collection'))} ({_name(one.get('store'))})"
        yield Row((place, "harm guard", _text(one.get("verdict"))), _TONES.get(_text(one.get("state")), ""))
    for place, kinds in _mapping(_mapping(evidence.get("experiments")).get("collections")).items():
        for kind, told in _mapping(kinds).items():
            verdict = _text(_mapping(told).get("verdict"))
            if verdict:
                yield Row((_name(place), _name(kind), verdict))


def _shadow(evidence: Mapping[str, object]) -> Iterator[Row]:
    for place, told in _mapping(evidence.get("shadow")).items():
        figures = _mapping(told)
        searches, overlap, displaced, added = (
            _number(figures.get(name)) for name in ("searches", "overlap", "displaced_top1", "added_p99")
        )
        if searches:
            yield Row(
                (
                    _name(place),
                    f"{searches:,.0f}",
                    wording.share(overlap) if overlap is not None else "-",
                    wording.share(displaced) if displaced is not None else "-",
                    wording.duration(added) if added is not None else "-",
                )
            )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(value: object) -> str:
    return wording.name(_text(value))[1:-1]

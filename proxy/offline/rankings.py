"""Rankings to lines of JSON, and whether a line is the ranking of a query."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from proxy.model import Outcome

if TYPE_CHECKING:
    from proxy.offline.queries import Query
    from proxy.scoring.ranker import Ranked


def ranking_line(query: Query, ranked: Ranked) -> bytes:
    """Return the line that a query's ranking is written as.

    Scores are null where the order is that of the input. That scores were known is not told, as it depends on
    what else has been ranked since the start: a run that was interrupted writes what any other would.
    """
    outcome = Outcome.RERANKED if ranked.verdict.outcome is Outcome.CACHED else ranked.verdict.outcome
    scores = ranked.scores or (None,) * len(ranked.order)
    line = {
        "id": query.id,
        "ranking": [
            {**_name(query, index), "score": None if score is None else np.float32(score)}
            for index, score in zip(ranked.order, scores, strict=True)
        ],
        "outcome": outcome.value,
        "reason": None if ranked.verdict.reason is None else ranked.verdict.reason.value,
        "scorer": ranked.scorer,
        "input": _digest(query),
    }
    # Numbers of float32 have half the digits of others.
    return orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def is_ranking_of(line: bytes, query: Query) -> bool:
    """Say whether a line ranks just this query: the same ids, words and scores."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("input") == _digest(query)


def _digest(query: Query) -> str:
    """Return 16 hex digits of all that is known of a query."""
    known = orjson.dumps((query.id, query.text, tuple(map(tuple, query.documents))))
    return hashlib.blake2b(known, digest_size=8).hexdigest()


def _name(query: Query, index: int) -> dict[str, Any]:
    """Return what a document is called: by its id, or by its place in the input, from 0 on."""
    name = query.documents[index].id
    return {"index": index} if name is None else {"id": name}

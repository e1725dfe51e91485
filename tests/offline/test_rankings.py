"""Lines of output: what they say, and whose they are."""

from __future__ import annotations

import orjson
import pytest

from proxy.model import Outcome, Reason, Verdict
from proxy.offline.queries import Document, Query
from proxy.offline.rankings import is_ranking_of, ranking_line
from proxy.scoring.ranker import Ranked

QUERY = Query("q", "why?", (Document("a", "x"), Document(None, "y"), Document(7, "z")))
RANKED = Ranked((2, 0, 1), Verdict(Outcome.RERANKED), (0.9, 0.25, 0.1), "judge")


def test_a_line_says_who_ranked_what_and_how():
    assert ranking_line(QUERY, RANKED) == (
        b'{"id":"q","ranking":[{"id":7,"score":0.9},{"id":"a","score":0.25},{"index":1,"score":0.1}],'
        b'"outcome":"reranked","reason":null,"scorer":"judge","input":"510289903d1b0295"}\n'
    )


def test_without_scores_the_order_is_that_of_the_input():
    line = orjson.loads(ranking_line(QUERY, Ranked.store_order(3, Outcome.FALLBACK, Reason.LATE)))

    assert line["ranking"] == [
        {"id": "a", "score": None},
        {"index": 1, "score": None},
        {"id": 7, "score": None},
    ]
    assert (line["outcome"], line["reason"], line["scorer"]) == ("fallback", "late", None)


def test_that_scores_were_known_is_not_told():
    """Else a run that was interrupted would write something else than one that was not."""
    known = Ranked(RANKED.order, Verdict(Outcome.CACHED), RANKED.scores, RANKED.scorer)

    assert ranking_line(QUERY, known) == ranking_line(QUERY, RANKED)


def test_a_line_is_the_ranking_of_its_own_query_alone():
    line = ranking_line(QUERY, RANKED)

    assert is_ranking_of(line, QUERY)
    others = (
        QUERY._replace(id="p"),
        QUERY._replace(text="why not?"),
        QUERY._replace(documents=QUERY.documents[:2]),
        QUERY._replace(documents=QUERY.documents[::-1]),
        *(
            QUERY._replace(documents=(*QUERY.documents[:2], last))
            for last in (Document("7", "z"), Document(7, "new"), Document(7, "z", 0.5))
        ),
    )
    assert not any(is_ranking_of(line, other) for other in others)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"{}", b'{"id": "q", "ranking": 7}', b'{"id": "q", "input": [7]}']
)
def test_what_is_no_ranking_is_nobodys(line):
    assert not is_ranking_of(line, QUERY)

"""Recorded searches under another policy, compared with the store and with what was shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from proxy.model import Outcome, Reason
from proxy.records.transcript import Transcript
from proxy.tuning.cases import recorded_case
from proxy.tuning.replay import Answers, Likeness, Replay, Replayable, as_recorded, replayed, stores_own
from proxy.tuning.replay_table import replay_table
from proxy.tuning.texts import Texts
from tests.fakes.observations import observation
from tests.fakes.odd_scorers import Crashing, Reversing, TermOverlap
from tests.tuning.made import Learning, policy

SECRET = b"s" * 32
ORDERS = ((1, 0, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0))


def search(order=ORDERS[0], **keys):
    """Return a search as it was recorded, with its texts."""
    seen = observation(order, limit=3, **keys)
    record = Transcript(SECRET, None).search(datetime.now(UTC), seen)
    known = Texts({one.id: one.text for one in seen.candidates}, [seen.query], SECRET).filled(record)
    return Replayable(known, recorded_case(known))


SEARCHES = [search(order) for order in ORDERS]


async def answers(made, scorer, searches=SEARCHES, **keys):
    return await replayed("other", made, searches, scorers={"default": scorer}, **keys)


async def test_pages_are_those_of_the_policy():
    found = await answers(policy(rules=[{"candidates": {"min": 4, "max": 4}}]), Reversing())

    assert found.pages == (("d3", "d2", "d1"),) * 3
    assert len(found.seconds) == 3
    assert found.outcomes == {"reranked": 3}
    assert found.shallow == 0


async def test_how_much_changes_is_told():
    found = await answers(policy(rules=[{"candidates": {"min": 4, "max": 4}}]), Reversing())
    store, recorded = stores_own(SEARCHES), as_recorded(SEARCHES)

    assert store.pages == (("d0", "d1", "d2"),) * 3
    assert recorded.pages == (("d1", "d0", "d2"), ("d0", "d1", "d2"), ("d5", "d4", "d3"))
    assert recorded.like(store) == Likeness(2 / 3, 2 / 3, pytest.approx(2 / 3), pytest.approx(1.9 / 3))
    assert (found.like(store).changed, found.like(store).displaced) == (1.0, 1.0)
    assert found.like(store).overlap == pytest.approx(2 / 3)
    assert store.like(store) == Likeness(0.0, 0.0, 1.0, pytest.approx(1.0))
    assert recorded.added.p50 == pytest.approx(0.012)


async def test_each_search_has_the_rule_of_its_collection():
    made = policy(rules=[{"match": {"collection": "wiki"}, "mode": "off"}, {"match": {"store": "chroma"}}])
    found = await answers(made, Reversing(), [search(), search(collection="wiki"), search(store="other")])

    assert [outcome for outcome, _ in found.verdicts] == [Outcome.RERANKED, Outcome.PASSED, Outcome.PASSED]
    assert found.outcomes == {"passed: mode_off": 2, "reranked": 1}
    assert found.pages[1] == ("d0", "d1", "d2")


async def test_a_policy_without_a_rule_for_any_needs_no_models():
    found = await answers(policy(rules=[{"match": {"collection": "wiki"}}]), Crashing())

    assert found.outcomes == {"passed: mode_off": 3}


async def test_a_later_page_is_cut_from_the_same_ranking():
    found = await answers(policy(), Reversing(), [search(offset=2)])

    assert found.pages == (("d5", "d4", "d3", "d2", "d1"),)


async def test_more_candidates_than_were_recorded_may_be_wanted():
    assert (await answers(policy(), Reversing())).shallow == 3


async def test_what_fails_is_told():
    found = await answers(policy(), Crashing())

    assert set(found.verdicts) <= {
        (Outcome.FALLBACK, Reason.SCORER_ERROR),
        (Outcome.FALLBACK, Reason.BREAKER_OPEN),
    }
    assert found.pages == stores_own(SEARCHES).pages


async def test_texts_are_known_where_that_is_wanted():
    warm, cold = Learning(name="default"), Learning(name="default")
    await answers(policy(), warm)
    await answers(policy(), cold, state="cold")

    assert (len(warm.jobs), len(cold.jobs)) == (6, 3)


async def test_where_answers_are_known_it_is_told_how_good_it_is():
    ways = (
        stores_own(SEARCHES),
        as_recorded(SEARCHES),
        await answers(policy(), Reversing()),
        await answers(policy(), TermOverlap()),
    )
    replay = Replay(ways, ("a", "b", "c"), ({"d5": 1.0}, {"d0": 1.0}, {}), without_texts=2)

    assert (replay.judged, replay.judged_queries, replay.queries) == (2, 2, 3)
    assert replay.ndcg(ways[2], 5) == (1.0, 0.0)
    assert replay.lift(ways[2], 5) == (0.0, None, None)
    told = replay.as_json()
    assert (told["searches"], told["without_texts"], told["judged"]) == (3, 2, 2)
    assert [one["NDCG@5"] for one in told["answers"]] == [0.5, 0.5, 0.5, 0.5]


def test_a_query_that_is_asked_often_is_one_piece_of_evidence():
    """However often the one good query is asked, no more is known about the others."""
    queries = [f"query {number}" for number in range(30)]
    asked = (*queries, *[" QUERY  0"] * 300)
    relevant = ({"good": 1.0},) * len(asked)
    store = Answers("store", (("bad", "good"),) * len(asked))
    better = Answers("better", tuple(("good",) if query.endswith(" 0") else ("bad",) for query in asked))
    replay = Replay((store, store, better), asked, relevant, without_texts=0)
    once = Replay(
        tuple(replace(one, pages=one.pages[:30]) for one in replay.answers), asked[:30], relevant[:30], 0
    )

    assert (replay.judged, replay.judged_queries, replay.queries) == (330, 30, 30)
    assert replay.lift(better, 5) == pytest.approx(once.lift(once.answers[2], 5))
    assert replay.lift(better, 5).mean < 0
    told = replay.as_json()
    assert (told["searches"], told["queries"], told["judged"], told["judged_queries"]) == (330, 30, 330, 30)
    assert told["answers"][2]["NDCG@5"] == pytest.approx(1 / 30)
    assert told["answers"][2]["NDCG@5_lift"] == list(replay.lift(better, 5))
    assert "judged: 330 searches, 30 different queries" in printed(replay)
    assert "95 % interval" in printed(replay)


def test_searches_of_one_query_that_differ_count_with_their_mean():
    ways = (Answers("store", (("a",), ("b",))), Answers("recorded", (("a",), ("a",))))
    replay = Replay(ways, ("why", "Why "), ({"a": 1.0},) * 2, without_texts=0)

    assert [replay.ndcg(one, 5) for one in ways] == [(0.5,), (1.0,)]


def test_of_a_few_judged_queries_no_interval_is_told():
    ways = (Answers("store", (("a",), ("b",))), Answers("recorded", (("a",), ("a",))))
    text = printed(Replay(ways, ("one", "two"), ({"a": 1.0},) * 2, without_texts=0))

    assert "2 queries are too few to go by: ask 50 or more" in text
    assert "interval" not in text
    assert "+.500" in text


@pytest.mark.parametrize(("rows", "depths"), [(1, (5,)), (5, (5,)), (6, (5, 10)), (12, (5, 10))])
def test_pages_are_not_told_of_beyond_their_end(rows, depths):
    page = tuple(map(str, range(rows)))
    replay = Replay((Answers("store", (page,)),) * 2, ("why",), ({"0": 1.0},), without_texts=0)

    assert replay.depths == depths
    assert ("NDCG@10" in replay.as_json()["answers"][0]) == (10 in depths)


def printed(replay):
    console = Console(file=StringIO(), width=120, highlight=False)
    console.print(replay_table(replay))
    return console.file.getvalue()


def test_an_empty_page_is_like_itself():
    nothing = Answers("nothing", ((), ()))

    assert nothing.like(nothing) == Likeness(0.0, 0.0, 1.0, 1.0)
    assert replace(nothing, pages=(("a",), ("b",))).like(nothing).changed == 1.0

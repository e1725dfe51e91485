"""The harm guard: what it is told, which collections it switches off and on."""

from __future__ import annotations

import logging

import orjson
import pytest

from proxy.errors import BadConfig
from proxy.evidence.case import LEAST_PREFERRED
from proxy.evidence.cases import MOST_COLLECTIONS
from proxy.evidence.witness import WEEK
from proxy.model import Outcome, Verdict
from proxy.policy_evidence import HarmGuard as Settings
from proxy.scoring.ranker import Ranked
from tests.fakes.clocks import Clock
from tests.fakes.guards import HARMFUL, figures, known, search
from tests.fakes.observations import observation


async def told(guard, seen):
    """Tell of a search, and let the reference model have its look at it."""
    guard.tell(seen)
    for look in tuple(guard._reference._tasks._running):
        await look


# --- probes -------------------------------------------------------------------------------------


async def test_a_harmful_collection_is_switched_off_and_no_other(guarded, probes):
    guard, changes = await guarded(probes=probes, auto_off=True)

    search(guard, "bad", range(50))
    search(guard, "good", range(50), collection="wiki")

    assert guard.off("chroma", "docs")
    assert not guard.off("chroma", "wiki")
    assert not guard.off("qdrant", "docs")
    [change] = changes
    assert (change.store, change.collection, change.event, change.source) == (
        "chroma",
        "docs",
        "off",
        "probes",
    )
    assert change.estimate == -1
    assert change.low <= -1 <= change.high < 0
    assert 0 < change.count < 50


async def test_by_default_it_only_says_so(guarded, probes, caplog):
    guard, changes = await guarded(probes=probes)
    with caplog.at_level(logging.INFO):
        search(guard, "bad", range(50))

    assert not guard.off("chroma", "docs")
    assert known(guard)["docs"]["state"] == "harmful"
    assert [change.event for change in changes] == ["alarm"]
    [record] = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "reranking does harm")
    assert (record.store, record.collection, record.event) == ("chroma", "docs", "alarm")
    assert record.high < 0


async def test_what_has_become_good_is_switched_on_by_searches_behind_the_answer(guarded, probes):
    guard, changes = await guarded(probes=probes, auto_off=True)
    search(guard, "bad", range(10))
    assert guard.off("chroma", "docs")

    search(guard, "good", range(50), shown="auto_off")

    assert not guard.off("chroma", "docs")
    assert [change.event for change in changes] == ["off", "on"]
    assert changes[1].low > 0


async def test_the_same_probe_is_one_piece_of_evidence(guarded, probes):
    """A job that sends ten queries every minute has ten queries' worth, not thousands."""
    guard, changes = await guarded(probes=probes, auto_off=True)

    for _ in range(500):
        search(guard, "bad", range(3))

    assert changes == []
    assert figures(guard)["chroma", "docs"]["probes_count"] == 3


async def test_probes_count_again_in_another_week(guarded, probes):
    clock = Clock()
    guard, _ = await guarded(probes=probes, now=clock)
    for _ in range(2):
        search(guard, "good", range(5))

    clock.now += WEEK
    search(guard, "good", range(3))

    assert figures(guard)["chroma", "docs"]["probes_count"] == 3


async def test_searches_that_are_no_probes_leave_no_trace(guarded, probes):
    guard, _ = await guarded(probes=probes)

    guard.tell(observation(HARMFUL, query="anything else"))
    guard.tell(observation(HARMFUL, query="bad 1", outcome=Outcome.FALLBACK))

    assert figures(guard) == {}


async def test_probes_are_always_ranked_again_and_others_by_their_share(guarded, probes):
    guard, _ = await guarded(probes=probes, auto_off=True, recheck_share=0.25)

    others = [query for query in (f"query {n}" for n in range(2000)) if guard.rechecks(query)]

    assert all(guard.rechecks(f" bad  {number}") for number in range(400))
    assert 400 < len(others) < 600
    assert all(guard.rechecks(query) for query in others)


async def test_shares_are_known_to_whoever_has_the_secret_alone(guarded, probes):
    """Else queries could be chosen that are ranked again, or looked at, every time."""
    ours, same, others = [
        (await guarded(probes=probes, recheck_share=0.25, secret=secret))[0] for secret in (b"a", b"a", b"b")
    ]
    queries = [f"query {n}" for n in range(400)]

    assert [ours.rechecks(query) for query in queries] == [same.rechecks(query) for query in queries]
    assert [ours.rechecks(query) for query in queries] != [others.rechecks(query) for query in queries]


async def test_wrong_probes_are_a_mistake(guarded, tmp_path):
    with pytest.raises(BadConfig, match=r"harm_guard\.probes"):
        await guarded(probes=str(tmp_path / "missing.jsonl"))


# --- a reference model --------------------------------------------------------------------------


class Model:
    """Likes one row best; its opinions are there at once."""

    def __init__(self, best):
        self.best = best
        self.asked = []

    async def rank(self, query, candidates, _deadline):
        self.asked.append(query)
        order = (self.best, *(place for place in range(len(candidates)) if place != self.best))
        verdict = Verdict(Outcome.RERANKED, None, len(order), len(order))
        return Ranked(order, verdict, (1.0,) + (0.0,) * (len(order) - 1), "reference")


async def test_a_stronger_model_s_view_is_evidence(guarded):
    model = Model(best=0)
    guard, changes = await guarded(rank=model.rank, reference="strong", reference_share=1.0, auto_off=True)

    for number in range(40):
        await told(guard, observation(HARMFUL, query=f"query {number}"))

    assert guard.off("chroma", "docs")
    assert [change.source for change in changes] == ["reference"]
    assert guard.totals() == {"looked": 40, "shed": 0, "failed": 0}
    assert guard.summary()["reference"] == guard.totals()


async def test_it_is_asked_about_a_query_once(guarded):
    model = Model(best=0)
    guard, _ = await guarded(rank=model.rank, reference="strong", reference_share=1.0)

    for _ in range(3):
        await told(guard, observation(HARMFUL, query="the same"))

    assert model.asked == ["the same"]


async def test_it_is_asked_about_its_share_alone(guarded):
    model = Model(best=0)
    guard, _ = await guarded(rank=model.rank, reference="strong", reference_share=0.1)

    for number in range(300):
        await told(guard, observation(HARMFUL, query=f"query {number}"))

    assert 10 < len(model.asked) < 60
    # What is ranked again of a switched-off collection holds this share, if it is the larger one.
    assert sum(guard.rechecks(query) for query in model.asked) < len(model.asked)
    assert Settings().recheck_share > Settings().reference_share


# --- preferences --------------------------------------------------------------------------------


async def test_whoever_was_shown_both_has_a_say(guarded):
    guard, changes = await guarded(preference=True, auto_off=True)

    for query in range(40):
        guard.prefer("chroma", "docs", -1.0, query)

    assert guard.off("chroma", "docs")
    assert [(change.source, change.count) for change in changes] == [("preference", LEAST_PREFERRED)]
    assert "reset it after a change" in known(guard)["docs"]["verdict"]


async def test_one_query_has_one_say(guarded):
    """The one that everybody asks may be the one that the reranker gets wrong."""
    guard, changes = await guarded(preference=True, auto_off=True)

    for _ in range(500):
        guard.prefer("chroma", "docs", -1.0, 7)

    assert changes == []
    assert figures(guard)["chroma", "docs"]["preference_count"] == 1


async def test_preferences_that_were_not_asked_for_are_not_heard(guarded, probes):
    guard, _ = await guarded(probes=probes)

    guard.prefer("chroma", "docs", -1.0, 7)

    assert figures(guard) == {}


# --- operators ----------------------------------------------------------------------------------


async def test_a_reset_switches_on_and_forgets(guarded, probes):
    guard, changes = await guarded(probes=probes, auto_off=True)
    search(guard, "bad", range(50))

    assert guard.reset("chroma", "docs")

    assert not guard.off("chroma", "docs")
    assert figures(guard) == {}
    assert (changes[-1].event, changes[-1].source, changes[-1].count) == ("on", "operator", 0)
    assert not guard.reset("chroma", "docs")
    search(guard, "bad", range(50))
    assert guard.off("chroma", "docs")


async def test_a_reset_without_an_alarm_is_no_change(guarded, probes):
    guard, changes = await guarded(probes=probes, auto_off=True)
    search(guard, "good", range(5))

    assert guard.reset("chroma", "docs")
    assert changes == []


async def test_figures_and_evidence_are_those_of_every_collection(guarded, probes):
    guard, _ = await guarded(probes=probes, auto_off=True, min_lift=0.01)
    search(guard, "bad", range(50))
    search(guard, "good", range(5), collection="wiki")

    harmed, helped = figures(guard)["chroma", "docs"], figures(guard)["chroma", "wiki"]
    assert (harmed["state_alarm"], harmed["state_off"]) == (1, 1)
    assert (helped["state_alarm"], helped["state_off"]) == (0, 0)
    assert helped["probes_mean"] == pytest.approx(0.569, abs=1e-3)
    summary = orjson.loads(orjson.dumps(guard.summary()))
    assert (summary["min_lift"], summary["probes"], summary["refused"]) == (0.01, 800, 0)
    told = orjson.loads(orjson.dumps([one for _, one in guard.evidence()]))
    assert [(one["store"], one["collection"], one["answers"]) for one in told] == [
        ("chroma", "docs", "store"),
        ("chroma", "wiki", "reranked"),
    ]


async def test_what_is_known_comes_a_collection_at_a_time(guarded, probes):
    """Whoever asks may let others have their turn in between, whatever they do."""
    guard, _ = await guarded(probes=probes)
    for number in range(3):
        search(guard, "good", range(5), collection=str(number))

    for asked in (guard.figures(), guard.evidence()):
        first = next(asked)
        guard.reset("chroma", "2")
        search(guard, "good", range(5), collection="2")
        search(guard, "good", range(5), collection="another")
        assert [key for key, _ in (first, *asked)] == [("chroma", str(number)) for number in range(3)]
        guard.reset("chroma", "another")


async def test_collections_are_bounded_and_those_with_an_alarm_stay(guarded, probes):
    """Names come from callers."""
    guard, _ = await guarded(probes=probes, auto_off=True)
    search(guard, "bad", range(50), collection="harmed")
    for number in range(2 * MOST_COLLECTIONS):
        search(guard, "good", range(1), collection=f"other {number}")

    assert len(figures(guard)) == MOST_COLLECTIONS
    assert guard.off("chroma", "harmed")


async def test_where_all_are_alarmed_none_is_switched_on_for_another(guarded, probes):
    guard, changes = await guarded(probes=probes, auto_off=True)
    for number in range(MOST_COLLECTIONS):
        search(guard, "bad", range(12), collection=str(number))
    assert len(changes) == MOST_COLLECTIONS

    search(guard, "good", range(3), collection="another")

    assert all(guard.off("chroma", str(number)) for number in range(MOST_COLLECTIONS))
    assert len(changes) == MOST_COLLECTIONS
    assert ("chroma", "another") not in figures(guard)
    assert guard.summary()["refused"] == 3

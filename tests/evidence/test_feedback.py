"""Feedback: every answer is judged once, both orders and both sides are treated alike, ids are forgotten."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.experiments import COINS_LAST
from proxy.evidence.feedback import Judged
from proxy.evidence.posts import Post
from proxy.evidence.query_number import query_number
from proxy.evidence.results import MAX_COLLECTIONS
from tests.fakes.feedback_desk import arm, candidates, desk, name
from tests.fakes.observations import observation

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_an_answer_speaks_for_the_order_that_more_of_its_used_rows_belong_to():
    one = desk()
    store, reranked = one.draw(1)

    assert one.say(1, "used", reranked[0], reranked[1], store[0]) == "taken"

    number = query_number("query 1")
    assert one.judged == [Judged("chroma", "docs", name(1), "interleave", None, 1.0, "used", number)]
    assert one.found()["interleave"]["wins"] == 1


def test_an_answer_whose_rows_are_even_speaks_for_neither():
    one = desk()
    store, reranked = one.draw(1)

    assert one.say(1, "clicked", reranked[0], store[0]) == "taken"

    assert one.judged[0].value == 0
    assert one.found()["interleave"]["ties"] == 1


@given(st.lists(st.tuples(st.sampled_from(["used", "clicked"]), st.booleans()), min_size=1, max_size=6))
def test_an_answer_is_judged_once_whatever_is_said_of_it(posts):
    one = desk()
    sides = one.draw(1)
    words = [one.say(1, signal, sides[side][0]) for signal, side in posts]

    assert words == ["taken"] + ["already_counted"] * (len(posts) - 1)
    assert len(one.judged) == 1
    assert one.judged[0].value == (1 if posts[0][1] else -1)


def test_citations_wait_for_something_better():
    one = desk(cited_weight=0.25)
    store, reranked = one.draw(1)

    assert one.say(1, "cited", store[0]) == "taken"
    assert one.judged == []
    assert one.say(1, "cited", store[1]) == "already_counted"
    assert one.say(1, "used", reranked[0]) == "taken"
    one.wait(60)

    assert [(told.value, told.signal) for told in one.judged] == [(1.0, "used")]
    assert set(one.found()["interleave"]["signals"]) == {"used"}


def test_citations_count_less_where_nothing_better_comes():
    one = desk(cited_weight=0.25)
    _, reranked = one.draw(1)
    one.say(1, "cited", reranked[0])
    one.wait(60)

    assert [(told.value, told.signal) for told in one.judged] == [(0.25, "cited")]
    assert one.found()["interleave"]["signals"]["cited"]["wins"] == 1


def test_citations_that_are_held_count_at_the_end_and_sides_do_not():
    """Of those silence might still end: successes alone would be left."""
    one = desk(cited_weight=0.25)
    store, _ = one.draw(1)
    one.say(1, "cited", store[0])
    for number in (2, 3):
        one.feedback.tell_arm(name(number), "", "chroma", "docs", arm("control", number))
    one.say(3, "used", "d0")
    one.feedback.close()

    assert [told.value for told in one.judged] == [-0.25]


def test_one_draft_counts_once():
    """Its coins favour some row by accident; asked again and again, that would become a proof."""
    one = desk()
    for number in range(1, 6):
        _, reranked = one.draw(number, query="the same", coins=3)
        assert one.say(number, "used", reranked[0]) == "taken"

    assert len(one.judged) == 1
    assert one.found()["interleave"]["wins"] == 1
    assert one.found()["interleave"]["repeated"] == 4


def test_a_draft_with_new_coins_counts_again():
    one = desk()
    for number in (1, 2):
        _, reranked = one.draw(number, query="the same", coins=number)
        one.say(number, "used", reranked[0])

    assert one.found()["interleave"]["wins"] == 2


def test_coins_that_fall_the_same_way_much_later_count_again():
    one = desk()
    for number in (1, 2):
        _, reranked = one.draw(number, query="the same", coins=3)
        one.say(number, "used", reranked[0])
        one.clock.now += COINS_LAST + 60

    assert one.found()["interleave"]["wins"] == 2


def test_a_citation_that_was_held_is_still_of_the_same_draft():
    """Cited at the end of the hour, and counted when it is forgotten: more than an hour after the first."""
    one = desk(remember_s=600)
    _, reranked = one.draw(1, query="the same", coins=3)
    one.say(1, "used", reranked[0])
    one.clock.now += COINS_LAST - 1
    one.draw(2, query="the same", coins=3)
    one.say(2, "cited", reranked[0])
    one.wait(600)

    assert len(one.judged) == 1
    assert one.found()["interleave"]["repeated"] == 1


def test_one_that_speaks_for_neither_leaves_its_draft_to_the_next():
    one = desk()
    for number in (1, 2):
        store, reranked = one.draw(number, query="the same", coins=3)
        one.say(number, "used", reranked[0], *([store[0]] if number == 1 else []))

    told = one.found()["interleave"]
    assert (told["wins"], told["ties"], told["repeated"]) == (1, 1, 0)


def test_the_same_query_elsewhere_is_another_draft():
    one = desk()
    for number, collection in ((1, "docs"), (2, "other")):
        _, reranked = one.draw(number, query="the same", coins=3, collection=collection)
        one.say(number, "used", reranked[0])

    assert len(one.judged) == 2


def test_ids_that_were_not_shown_are_counted_and_passed_over():
    one = desk()
    _, reranked = one.draw(1)

    assert one.say(1, "used", "odd", "other") == "not_shown"
    assert one.judged == []
    assert one.say(1, "used", "odd", reranked[0]) == "taken"

    assert one.feedback.totals()["unknown_ids"] == 3
    assert one.judged[0].value == 1


def test_unknown_and_expired_exchanges_are_the_same():
    one = desk()
    one.draw(1)
    one.clock.now += 60

    assert one.say(1, "used", "d0") == one.say(2, "used", "d0") == "unknown"
    assert one.say(trace=TRACE) == "unknown"
    assert one.feedback.totals()["unknown"] == 3


def test_a_trace_speaks_of_all_its_answers_that_showed_the_rows():
    one = desk()
    for number, collection in ((1, "docs"), (2, "other")):
        one.feedback.tell(
            observation((1, 0), collection=collection, exchange=name(number), trace=TRACE, limit=1)
        )

    assert one.say(0, "used", "d1", trace=TRACE) == "taken"
    assert one.say(0, "used", "d0", trace=TRACE) == "already_counted"
    assert {told.collection for told in one.judged} == {"docs", "other"}


def test_a_batch_that_repeats_a_search_does_not_repeat_its_accident():
    """Of [popular, unique] together there is a new draft each time, with the coins of the popular one."""
    one = desk()
    for number in range(1, 61):
        store, reranked = one.draw(number, query="popular", coins=3)
        one.draw(number, query=f"unique {number}", found=candidates("u"))
        one.say(number, "used", (store + reranked)[0])

    told = one.found()["interleave"]
    assert (told["wins"] + told["losses"], told["repeated"]) == (1, 59)
    assert [judged.query for judged in one.judged] == [query_number("popular")]


def test_of_a_batch_each_search_speaks_for_itself():
    one = desk(cited_weight=0.5)
    _, reranked = one.draw(1, query="first")
    store, _ = one.draw(1, query="second", found=candidates("u"))
    one.draw(1, query="third", found=candidates("v"))
    one.feedback.tell(observation(exchange=name(1), found=candidates("w")))
    worst = store[0].replace("d", "u")

    assert one.say(1, "cited", reranked[0], worst, "w0") == "taken"
    one.wait(60)

    assert [(told.kind, told.value, told.query) for told in one.judged] == [
        ("interleave", 0.5, query_number("first")),
        ("interleave", -0.5, query_number("second")),
        ("plain", 0.5, 0),
    ]


@pytest.mark.parametrize(("shown", "key"), [("reranked", "reranked_shown"), ("shadow", "store_shown")])
def test_of_plain_answers_the_places_are_told(shown, key):
    one = desk()
    one.feedback.tell(observation((4, 3, 2, 1, 0), shown=shown, exchange=name(1)))

    assert one.say(1, "cited", "d4") == one.say(1, "clicked", "d3", "d1") == "taken"

    assert one.judged == [Judged("chroma", "docs", name(1), "plain", None, 1.0, "clicked")]
    told = one.found()["plain"]
    assert (told[key], told[f"{key}_store_place"], told[f"{key}_reranked_place"]) == (1, 2.0, 2.0)


def test_of_silence_on_other_answers_nothing_follows():
    one = desk()
    one.draw(1)
    one.feedback.tell(observation(exchange=name(2)))
    one.wait(60)

    assert one.judged == []
    assert "docs" not in str(dict(one.feedback.figures()))


def test_both_orders_are_treated_alike():
    """Users who look at places alone prefer neither order, and the test says so."""
    one = desk()
    coins = random.Random(11)
    for number in range(1, 1500):
        order = list(range(8))
        coins.shuffle(order)
        store, reranked = one.draw(number, order=order)
        one.say(number, "used", coins.choice(store + reranked))

    told = one.found()["interleave"]
    assert told["preference_low"] < 0 < told["preference_high"]
    assert told["p_value"] > 0.05


def test_who_prefers_an_order_is_heard():
    one = desk()
    coins = random.Random(12)
    for number in range(1, 400):
        store, reranked = one.draw(number)
        one.say(number, "used", coins.choice(reranked if coins.random() < 0.7 else store))

    assert one.found()["interleave"]["verdict"].startswith("The reranked order is preferred")


def test_results_are_told_one_collection_at_a_time_whatever_happens_in_between():
    one = desk()
    for number, collection in enumerate(("a", "b")):
        _, reranked = one.draw(number, collection=collection)
        one.say(number, "used", reranked[0])
    told = one.feedback.figures(), one.feedback.evidence()
    first = [next(steps)[0] for steps in told]
    _, reranked = one.draw(3, collection="c")
    one.say(3, "used", reranked[0])

    assert first == [("chroma", "a")] * 2
    assert [[place for place, _ in steps] for steps in told] == [[("chroma", "b")]] * 2


def test_a_trace_is_heard_one_search_at_a_time_and_answered_with_the_best_of_it():
    one = desk()
    for number in (1, 2):
        for query in "ab":
            one.draw(number, query=f"{query} {number}", trace=TRACE)
    steps = one.feedback.hear(Post("", TRACE, "used", frozenset(("d0", "odd"))))
    judged = []
    for heard in steps:
        judged.append(len(one.judged))
        assert heard == ("taken", 1)

    assert judged == [2, 3, 4, 4]
    assert one.feedback.totals()["taken"] == one.feedback.totals()["unknown_ids"] == 1


def test_collections_are_bounded():
    one = desk()
    for number in range(MAX_COLLECTIONS + 10):
        _, reranked = one.draw(number, collection=f"c{number}")
        one.say(number, "used", reranked[0])

    told = dict(one.feedback.figures())
    assert len(told) == MAX_COLLECTIONS
    assert ("chroma", "c0") not in told


def test_figures_are_numbers_and_evidence_is_json():
    one = desk()
    _, reranked = one.draw(1)
    one.say(1, "used", reranked[0])
    one.feedback.tell_arm(name(2), "", "chroma", "docs", arm("control", 1))
    one.feedback.tell(observation(exchange=name(3)))
    one.say(3, "used", "d0")

    for told in (one.found(), one.feedback.summary()):
        assert json.loads(json.dumps(told)) == told
    figures = dict(one.feedback.figures())["chroma", "docs"]
    assert all(isinstance(value, int | float) for value in figures.values())
    assert {"interleave_p_value", "ab_split_p_value", "plain_reranked_shown"} <= figures.keys()
    assert one.feedback.totals()["remembered"] == 3


def test_neither_ids_nor_queries_nor_exchanges_are_told():
    one = desk()
    _, reranked = one.draw(0xABCDEF, query="my secret query")
    one.say(0xABCDEF, "used", reranked[0], "secret id")

    told = repr((one.found(), list(one.feedback.figures()), one.feedback.totals()))
    for content in ("secret", "abcdef", *reranked):
        assert content not in told

"""Lots: stable, shared by whoever has the secret, and fair."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.evidence.experiments import COINS_LAST, MAX_DRAWN, Experiments
from proxy.policy import Rule

ORDERS = st.integers(2, 25).flatmap(lambda total: st.permutations(range(total)))
INTERLEAVE = {"kind": "interleave"}


def rule(experiment, **match):
    return Rule.model_validate({"experiment": experiment, "match": match})


def ab(share=0.5, **match):
    return rule({"kind": "ab", "header": "X-User", "share": share}, **match)


def experiments(secret=b"secret", now=lambda: 0.0):
    return Experiments(secret, now)


def arms(rule, callers=2000, **kwargs):
    one = experiments(**kwargs)
    return [one.arm(rule, {"x-user": f"caller {number}"}) for number in range(callers)]


def drawn(order, query="which one", rule=None, **kwargs):
    return experiments(**kwargs).draw(
        rule or Rule.model_validate({"experiment": INTERLEAVE}), "chroma", "docs", query, order
    )


def test_a_caller_keeps_the_side():
    assert arms(ab()) == arms(ab())


def test_the_share_is_that_of_callers_who_are_reranked():
    treated = sum(arm.name == "treatment" for arm in arms(ab(0.2)))

    assert 0.15 < treated / 2000 < 0.25
    assert {arm.name for arm in arms(ab(1.0))} == {"treatment"}


def test_a_larger_share_takes_nobody_out_of_the_treatment():
    pairs = zip(arms(ab(0.2)), arms(ab(0.6)), strict=True)

    assert all(larger.name == "treatment" for smaller, larger in pairs if smaller.name == "treatment")


def test_rules_and_secrets_draw_independently():
    base = [arm.name for arm in arms(ab())]
    for others in (arms(ab(collection="docs*")), arms(ab(), secret=b"another")):
        agreeing = sum(one == other.name for one, other in zip(base, others, strict=True))
        assert 0.45 < agreeing / 2000 < 0.55


def test_every_caller_has_a_number_of_its_own_that_is_not_the_header():
    callers = {arm.caller for arm in arms(ab())}

    assert len(callers) == 2000
    assert "caller 7" not in repr(arms(ab()))


def test_headers_are_found_in_whatever_case_they_are_written():
    headers = CIMultiDictProxy(CIMultiDict({"X-USER": " caller 0 "}))

    assert experiments().arm(ab(), headers) == arms(ab(), 1)[0]


@pytest.mark.parametrize("headers", [{}, {"x-user": ""}, {"x-user": "  "}, {"x-other": "caller"}])
def test_who_does_not_send_the_header_takes_no_part(headers):
    assert experiments().arm(ab(), headers) is None


@pytest.mark.parametrize("other", [Rule(), rule(INTERLEAVE)])
def test_only_an_ab_has_sides(other):
    assert experiments().arm(other, {"x-user": "caller"}) is None


@pytest.mark.parametrize("other", [Rule(), ab()])
def test_only_an_interleave_draws(other):
    assert drawn((1, 0, 2), rule=other) is None


def test_bytes_that_are_not_utf8_are_a_caller_too():
    assert experiments().arm(ab(), {"x-user": b"\xff".decode("utf-8", "surrogateescape")}) is not None


@given(ORDERS)
def test_a_draft_holds_every_row_once(order):
    draft = drawn(order)

    if draft is None:
        assert list(order) == sorted(order)
    else:
        assert sorted(draft.order) == sorted(order)
        assert len(draft.teams) == len(order)


@given(ORDERS, st.text(max_size=20))
def test_a_query_draws_the_same_again_however_it_is_spaced(order, query):
    assert drawn(order, query) == drawn(order, f"  {query}\t")


@given(ORDERS, st.integers(1, 10))
def test_more_candidates_change_nothing_of_what_comes_first(order, more):
    """A later page may be cut from a wider window: the store's tail follows, and pages stay disjoint."""
    longer = [*order, *range(len(order), len(order) + more)]
    draft, wider = drawn(order), drawn(longer)

    if draft is not None:
        assert wider.order[: len(order)] == draft.order
        assert wider.order[len(order) :] == tuple(longer[len(order) :])


def test_an_equal_order_is_not_drawn():
    assert drawn(range(10)) is None
    assert drawn(()) is None


def test_queries_have_coins_of_their_own_and_so_have_collections():
    order = list(range(20))[::-1]
    one = experiments()
    drafts = {drawn(order, f"query {number}").teams for number in range(20)}
    assert len(drafts) > 15

    base = drawn(order).teams
    assert one.draw(rule(INTERLEAVE), "chroma", "other", "which one", order).teams != base
    assert drawn(order, secret=b"another").teams != base


def drawn_at(seconds, query):
    return drawn(range(20)[::-1], query, now=lambda: seconds)


def renewal(query):
    """Return after how many minutes a query's coins are thrown anew, and that this is all of an hour."""
    teams = [drawn_at(minute * 60.0, query).teams for minute in range(COINS_LAST // 60 + 1)]
    (renewed,) = [minute for minute in range(1, len(teams)) if teams[minute] != teams[minute - 1]]
    return renewed


def test_coins_are_thrown_anew_every_hour_and_for_each_query_at_another_time():
    renewals = {renewal(f"query {number}") for number in range(12)}

    assert len(renewals) > 6
    assert max(renewals) - min(renewals) > 20


def test_pages_fit_each_other_at_the_full_hour_too():
    fitting = 0
    for number in range(100):
        first, second = (drawn_at(COINS_LAST + moment, f"query {number}").order for moment in (-1.0, 1.0))
        fitting += not set(first[:5]) & set(second[5:10])

    assert fitting >= 98


@pytest.mark.parametrize("moved", [MAX_DRAWN, MAX_DRAWN + 1])
def test_where_very_many_rows_have_moved_nobody_takes_part(moved):
    order = [*range(moved)[::-1], *range(moved, 1000)]
    draft = drawn(order)

    assert (draft is None) is (moved > MAX_DRAWN)
    if draft is not None:
        assert draft.order[moved:] == tuple(range(moved, 1000))
        assert len(draft.teams) == 1000


def test_a_share_of_queries_takes_part():
    share = rule({**INTERLEAVE, "share": 0.3})
    taking = sum(drawn((1, 0), f"query {number}", share) is not None for number in range(1000))

    assert 0.25 < taking / 1000 < 0.35


def test_neither_order_begins_more_often():
    begins = [drawn((1, 0), f"query {number}").teams[0] for number in range(2000)]

    assert 0.46 < sum(begins) / 2000 < 0.54


def test_another_process_with_the_same_secret_draws_the_same():
    """Python's own hashes differ between processes; replicas must not."""
    order = list(range(12))
    random.Random(7).shuffle(order)
    code = (
        "from proxy.evidence.experiments import Experiments\n"
        "from proxy.policy import Rule\n"
        "one = Experiments(b'secret', lambda: 0.0)\n"
        "ab = Rule.model_validate({'experiment': {'kind': 'ab', 'header': 'X-User', 'share': 0.5}})\n"
        "draw = Rule.model_validate({'experiment': {'kind': 'interleave'}})\n"
        f"print(one.draw(draw, 'chroma', 'docs', 'which one', {order}))\n"
        "print([one.arm(ab, {'x-user': f'caller {number}'}) for number in range(50)])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.splitlines() == [str(drawn(order)), str(arms(ab(), 50))]

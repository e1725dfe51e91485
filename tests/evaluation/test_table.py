import io
from dataclasses import replace

import pytest
from rich.console import Console

from proxy.evaluation.table import tables
from proxy.evaluation.verdict import verdict_of
from tests.fakes.evaluations import fabricated, renamed


def printed(evaluation, width=100):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(tables(evaluation))
    return console.file.getvalue()


def test_all_figures_of_an_arm_stand_in_its_column():
    text = printed(fabricated(arms=("balanced",)))
    rows = {line[:24].strip(): line[24:].split() for line in text.splitlines()}
    evaluation = fabricated(arms=("balanced",))
    store, arm = evaluation.arms

    assert rows["NDCG@5"] == [
        f"{store.measures['NDCG@5']:.3f}"[1:],
        f"{arm.measures['NDCG@5']:.3f}"[1:],
        f"{arm.lift.mean:+.3f}".replace("0.", "."),
    ]
    assert rows["better / same / worse"] == f"{arm.lift.wins} / {arm.lift.ties} / {arm.lift.losses}".split()
    assert rows["fallback"] == ["0", "%", "2.5", "%"]


def test_every_policy_has_its_verdict():
    evaluation = fabricated()
    text = " ".join(printed(evaluation).split())

    for arm in evaluation.policies:
        assert f"{arm.name} {verdict_of(evaluation, arm).sentence}" in text


@pytest.mark.parametrize("width", [100, 110])
def test_three_policies_stand_side_by_side_without_a_break(width):
    lines = printed(fabricated(), width).splitlines()

    (head,) = [line for line in lines if "store alone" in line]
    assert head.split() == ["store", "alone", "balanced", "quality", "tiny"]
    (waits,) = [line for line in lines if "the caller waits" in line]
    assert waits.count("/") == 8
    assert all(len(line.rstrip()) <= width for line in lines)


def test_more_policies_stand_below_with_the_store_again():
    evaluation = fabricated()
    more = renamed(evaluation, *("a", "b", "c", "d"))

    assert printed(more).count("NDCG@10 ") == 2


def test_what_was_asked_is_told_first():
    evaluation = fabricated(arms=("balanced",))
    live = replace(evaluation, live=True, unjudged=0)

    assert "help-centre: 120 queries, asked of an index of 140 documents for 10 rows" in printed(evaluation)
    assert "3 more, to which nothing is relevant, are left out" in printed(evaluation)
    assert "asked of a live store for 10 rows" in printed(live)
    assert "left out" not in printed(live)


def test_what_has_no_full_part_in_the_figures_is_told():
    evaluation = replace(fabricated(), textless=2, found=6000, nameless=41, unfound=5)
    text = " ".join(printed(evaluation, 200).split())

    assert "3 more, to which nothing is relevant, are left out" in text
    assert "2 more, which are judged but whose texts are not there, are left out" in text
    assert "41 of the 6,000 rows that the store found do not tell their document's id" in text
    assert "5 of the requests for recall@30 failed" in text


def test_reasons_stand_below_the_outcomes():
    rows = {line[:24].strip(): line[24:].split() for line in printed(fabricated()).splitlines()}

    assert rows["fallback: overloaded"] == ["0", "%", *rows["fallback"][2:]]
    assert rows["partial: deadline"] == ["0", "%", *rows["partial"][2:]]


def test_of_a_few_queries_no_interval_is_told():
    evaluation = fabricated(24, arms=("balanced",))

    assert "interval" not in printed(evaluation)
    assert "95 % interval" in printed(fabricated(25, arms=("balanced",)))


def test_a_page_of_few_rows_is_named_where_a_measure_goes_deeper():
    evaluation = fabricated(arms=("balanced",))

    assert "NDCG@5 (of 4 rows)" in printed(replace(evaluation, k=4))
    assert "(of" not in printed(replace(evaluation, k=5))


def test_a_name_is_no_markup():
    text = printed(renamed(fabricated(arms=("balanced",)), "[bold]x[/nothing]"))

    assert "[bold]x[/nothing]" in text

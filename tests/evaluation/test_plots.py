from dataclasses import replace

import pytest

from proxy.evaluation.plots import frontier, latencies, lifts
from tests.fakes.evaluations import fabricated, renamed
from tests.fakes.parsed_html import ParsedHtml


def texts(svg):
    return [text for text in ParsedHtml(svg).texts if text.strip()]


def test_the_frontier_names_every_arm_and_the_line_of_what_is_worthwhile():
    evaluation = fabricated()
    shown = texts(frontier(evaluation))

    assert {arm.name for arm in evaluation.arms} <= set(shown)
    assert "+.030: worth a model" in shown


def test_names_at_one_spot_do_not_stand_over_each_other():
    """Four policies with the same figures: a line each, from their spot up."""
    svg = frontier(renamed(fabricated(), *"abcd"))
    parsed = ParsedHtml(svg)
    heights = [
        float((one.get("y") or one["transform"].split()[1]).strip(")"))
        for one, text in zip(parsed.of("text"), texts(svg), strict=True)
        if text in "abcd"
    ]

    assert len(heights) == 4
    gaps = [after - before for before, after in zip(sorted(heights), sorted(heights)[1:], strict=False)]
    assert min(gaps) > 12


def test_a_long_name_is_cut():
    (shown,) = [text for text in texts(frontier(renamed(fabricated(), "y" * 100))) if "yy" in text]

    assert shown == f"{'y' * 23}…"


def test_lifts_say_how_many_queries_are_better_and_worse():
    evaluation = fabricated()
    arm = evaluation.policies[0]

    shown = texts(lifts(arm, evaluation.store, "p"))

    assert {f"{arm.lift.wins} better", f"{arm.lift.ties} the same", f"{arm.lift.losses} worse"} <= set(shown)
    assert f"mean {arm.lift.mean:+.3f}".replace("0.", ".") in shown


@pytest.mark.parametrize("place", [0, 2])
def test_the_budget_is_marked_where_it_is_known(place):
    evaluation = fabricated()
    arm = evaluation.policies[place]

    assert "budget 150 ms" in texts(latencies(replace(arm, budget=0.15), evaluation.store, "p"))
    assert not [text for text in texts(latencies(arm, evaluation.store, "p")) if "budget" in text]


def test_without_a_single_answer_there_is_still_a_plot():
    evaluation = fabricated()
    arm = evaluation.policies[0]
    failed = replace(
        arm, asked=tuple(one._replace(outcome="failed", total=0.0, added=0.0) for one in arm.asked)
    )

    assert latencies(failed, evaluation.store, "p").startswith("<svg")
    assert frontier(replace(evaluation, arms=(evaluation.store, failed))).startswith("<svg")


def test_all_queries_alike_and_a_single_one_can_be_drawn():
    evaluation = fabricated()
    one = replace(
        evaluation.store, asked=evaluation.store.asked[:1], compared=evaluation.policies[0].compared
    )

    assert lifts(one, one, "p").startswith("<svg")
    assert latencies(one, one, "p").startswith("<svg")

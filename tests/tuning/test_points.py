"""Grids of settings, and policies with one of them."""

from __future__ import annotations

import pytest

from proxy.errors import BadConfig
from proxy.tuning.points import Grid, Point, Tokens, applied, points
from tests.tuning.made import policy

MODELS = {
    "big": {"kind": "cross_encoder_onnx", "model": "big", "max_tokens": 512, "min_tokens": 64},
    "small": {"kind": "late_interaction"},
}


def tuned(**rule):
    made = policy(models=MODELS, rules=[{"rerank": ["big", "small"], "budget_ms": 100, **rule}])
    return made, made.rules[0]


def test_without_a_grid_what_is_near_the_rule_is_tried():
    found = points(*tuned(), Grid(), limit=10, longest=1000)

    assert {point.models for point in found} == {("big",), ("small",), ("big", "small")}
    assert {point.depth for point in found} == {25, 50, 100}
    assert {point.tokens for point in found} == {None, Tokens(128)}
    assert {point.budget_ms for point in found} == {50, 100}
    assert len(found) == 3 * 3 * 2 * 2


def test_what_costs_little_comes_first():
    found = points(*tuned(), Grid(), limit=10, longest=1000)

    assert [point.models for point in found][:: len(found) // 3] == [("small",), ("big",), ("big", "small")]
    assert found[0] == Point(("small",), 25, Tokens(128), 50)


def test_no_point_does_the_same_as_another():
    """There are no more than 30 candidates, and 512 tokens are what the model reads anyway."""
    grid = Grid((("big",),), (20, 30, 40, 50), (Tokens(128), Tokens(512), Tokens(512, 64)), (100.0,))
    found = points(*tuned(), grid, limit=10, longest=30)

    assert [(point.depth, point.tokens) for point in found] == [
        (20, Tokens(128)),
        (30, Tokens(128)),
        (20, None),
        (30, None),
    ]


def test_a_model_that_reads_less_already_is_not_made_to_read_more():
    made = policy(
        models={"small": {"kind": "late_interaction", "max_tokens": 64}}, rules=[{"rerank": ["small"]}]
    )
    found = points(made, made.rules[0], Grid(), limit=10, longest=100)

    assert {point.tokens for point in found} == {None}


def test_a_rule_takes_the_settings_of_a_point():
    made, rule = tuned(strategy="race", candidates={"at_least": 7}, blend=0.3)
    changed, applied_rule = applied(made, rule, Point(("big", "small"), 30, Tokens(128), 70))

    assert applied_rule.candidates.window(1) == applied_rule.candidates.window(1000) == 30
    assert (applied_rule.candidates.at_least, applied_rule.blend) == (7, 0.3)
    assert (applied_rule.budget_ms, applied_rule.strategy) == (70, "race")
    assert [changed.models[name].max_tokens for name in ("big", "small")] == [128, 128]
    assert changed.models["big"].min_tokens == 64
    assert made.models["big"].max_tokens == 512


def test_other_models_than_the_rules_have_no_strategy():
    made, rule = tuned(strategy="cascade")

    assert applied(made, rule, Point(("big",), 30, None, 70))[1].strategy == "fit"


def test_what_is_read_at_least_is_no_more_than_what_is_read_at_most():
    made, rule = tuned()
    changed, _ = applied(made, rule, Point(("big",), 30, Tokens(32), 70))

    assert (changed.models["big"].max_tokens, changed.models["big"].min_tokens) == (32, 32)


def test_models_have_limits():
    made, rule = tuned()
    with pytest.raises(
        BadConfig, match=r"--tokens: 4096 - for models.small: Input should be less than or equal"
    ):
        applied(made, rule, Point(("small",), 30, Tokens(4096), 70))


def test_models_must_be_there():
    with pytest.raises(BadConfig, match="--tiers: none - names under `models`: big, small"):
        points(*tuned(), Grid((("none",),)), limit=10, longest=50)

"""The policy file of a chosen point: the user's own, but for a few values."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy_file import parse_policy
from proxy.tuning.chosen import chosen_policy
from proxy.tuning.points import Point, Tokens, applied

SOURCE = """\
# yaml-language-server: $schema=schema.json
stores:
  - kind: chroma # the old one
    listen: 127.0.0.1:8001
    upstream: ${UPSTREAM:-http://127.0.0.1:8000}
secret: ${SECRET}
models:
  big:
    kind: cross_encoder_onnx # a dear one
    model: ${BIG}
    max_tokens: 512
  small: {kind: late_interaction, file: matrices}
rules:
  # the wiki is left alone
  - match: {collection: wiki-*}
    mode: off
    rerank: [big]
  - rerank: [big, small]
    strategy: race
    budget_ms: 300 # people wait
"""
ENVIRONMENT = {"SECRET": "x" * 32, "BIG": "models/big"}


def read(text):
    return parse_policy(text, file="policy.yaml", environment=ENVIRONMENT)


def chosen(point, source=SOURCE, rule=1, notes=()):
    policy = read(source)
    return chosen_policy(source, policy, policy.rules[rule], point, notes=notes, environment=ENVIRONMENT)


def test_the_file_stays_as_it_is_but_for_what_differs():
    text = chosen(Point(("big",), 30, Tokens(128), 120.0), notes=["measured"])

    assert text == (
        "# midrank tune: measured\n"
        + SOURCE.replace("max_tokens: 512", "max_tokens: 128")
        .replace("  - rerank: [big, small]", "  - candidates: {min: 30, max: 30}\n    rerank: [big]")
        .replace("strategy: race", "strategy: fit")
        .replace("budget_ms: 300", "budget_ms: 120")
    )


def test_what_is_read_of_it_is_the_chosen_point():
    policy = read(SOURCE)
    point = Point(("big", "small"), 30, Tokens(128), 120.0)
    changed, rule = applied(policy, policy.rules[1], point)
    again = read(chosen(point))

    assert again.rules == (policy.rules[0], rule)
    assert again.models == changed.models


def test_secrets_stay_in_the_environment():
    assert "x" * 32 not in chosen(Point(("small",), 30, Tokens(128), 120.0))


def test_notes_of_an_earlier_time_go():
    point = Point(("big",), 30, None, 120.0)
    once = chosen(point, notes=["a", "b"])

    assert chosen(point, source=once, notes=["c"]).count("# midrank tune: ") == 1


def test_a_model_that_others_use_too_is_copied():
    source = SOURCE.replace("    mode: off\n    rerank: [big]", "    rerank: [small]")
    again = read(chosen(Point(("small",), 30, Tokens(128), 300.0), source=source))

    assert again.rules[0].rerank == ("small",)
    assert again.rules[1].rerank == ("small-128",)
    assert again.models["small"].max_tokens == 256
    assert (again.models["small-128"].max_tokens, again.models["small-128"].file) == (128, None)


def test_a_policy_of_defaults_gets_the_keys_that_it_lacks():
    source = "stores: [{kind: chroma, listen: '127.0.0.1:1', upstream: 'http://127.0.0.1:2'}]\n"
    again = read(chosen(Point(("default",), 30, Tokens(64), 75.5), source=source, rule=0))

    assert again.models["default"].max_tokens == 64
    assert (again.rules[0].candidates.max, again.rules[0].budget_ms) == (30, 75.5)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("budget_ms: &time 300\n    candidates: &rows {max: 60}", "budget_ms: *time\n    candidates: *rows"),
        ("<<: &both {budget_ms: 300, candidates: {max: 60}}", "<<: *both"),
    ],
)
def test_where_anchors_share_a_value_the_file_may_be_written_anew(first, second):
    """To change it in its place would change both rules."""
    source = SOURCE.replace("match: {collection: wiki-*}\n    mode: off", first).replace(
        "budget_ms: 300 # people wait", second
    )
    before = read(source)
    again = read(chosen(Point(("big", "small"), 30, None, 120.0), source=source))

    assert [rule.budget_ms for rule in before.rules] == [300, 300]
    assert [rule.budget_ms for rule in again.rules] == [300, 120]
    assert [rule.candidates.max for rule in again.rules] == [60, 30]


DATA = yaml.safe_load(SOURCE.replace("mode: off", "mode: 'off'"))
STYLES = {
    "own": SOURCE,
    "blocks": yaml.safe_dump(DATA, sort_keys=False),
    "a line": yaml.safe_dump(DATA, sort_keys=False, default_flow_style=True, width=10_000),
}


@given(
    source=st.sampled_from(list(STYLES.values())),
    models=st.sampled_from([("big",), ("small",), ("big", "small")]),
    depth=st.integers(2, 1000),
    tokens=st.none() | st.builds(Tokens, st.integers(16, 512), st.none() | st.integers(16, 512)),
    budget=st.floats(0.5, 60_000) | st.integers(1, 60_000).map(float),
)
def test_whatever_is_chosen_is_read_back(source, models, depth, tokens, budget):
    policy = read(source)
    point = Point(models, depth, tokens, budget)
    changed, rule = applied(policy, policy.rules[1], point)
    again = read(chosen(point, source=source))

    assert again.rules == (policy.rules[0], rule)
    assert again.models == changed.models

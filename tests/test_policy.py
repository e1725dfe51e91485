"""Which rule decides, and how many rows it wants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy import Candidates, Policy

STORE = {"kind": "qdrant", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:6333/"}


def test_the_first_matching_rule_decides():
    policy = Policy.model_validate(
        {
            "stores": [STORE],
            "rules": [
                {"match": {"collection": "wiki-*"}, "budget_ms": 50},
                {"match": {"store": "other"}, "budget_ms": 60},
                {"match": {"collection": "*-old"}, "mode": "off"},
            ],
        }
    )

    assert policy.rule("qdrant", "wiki-old").budget_ms == 50
    assert policy.rule("qdrant", "mail-old").mode == "off"
    assert policy.rule("qdrant", "mail") is None


def test_models_of_rules_that_are_off_are_not_loaded():
    policy = Policy.model_validate({"stores": [STORE], "rules": [{"mode": "off"}]})

    assert policy.used_models == ()


def test_a_rerank_api_needs_no_store_and_loads_what_it_asks_for_alone():
    models = {name: {"kind": "late_interaction"} for name in ("default", "other")}
    api = {"listen": "127.0.0.1:0", "rerank": ["other"]}
    alone = Policy.model_validate({"models": models, "rerank_api": api})
    beside = Policy.model_validate({"models": models, "rerank_api": api, "stores": [STORE]})

    assert alone.used_models == ("other",)
    assert beside.used_models == ("default", "other")
    assert alone.scorings == (alone.rerank_api.scoring,)


def test_a_rerank_api_that_scores_as_a_rule_does_shares_its_ranker():
    policy = Policy.model_validate({"stores": [STORE], "rerank_api": {"listen": "127.0.0.1:0"}})

    assert len(policy.scorings) == 1


def test_upstreams_have_no_trailing_slash():
    assert Policy.model_validate({"stores": [STORE]}).stores[0].upstream == "http://127.0.0.1:6333"


@pytest.mark.parametrize(("limit", "window"), [(1, 20), (4, 20), (5, 25), (10, 50), (11, 50), (100, 50)])
def test_a_window_grows_with_the_limit_between_its_bounds(limit, window):
    assert Candidates().window(limit) == window


@given(st.integers(1, 10**6), st.integers(1, 100), st.floats(1, 10))
def test_a_window_is_never_outside_its_bounds(limit, low, factor):
    candidates = Candidates(min=low, max=low + 10, factor=factor)

    assert low <= candidates.window(limit) <= low + 10

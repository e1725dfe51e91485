"""A policy is tried as it is written, but for where it listens, what it asks, and what would leave traces."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml

from proxy.errors import BadConfig
from proxy.evaluation.arms import Contender, Place, contenders, store_of, tried
from proxy.policy import ChromaStore
from proxy.policy_file import load_policy, parse_policy

FILES = sorted(Path(__file__).parents[2].joinpath("policies").glob("*.yaml"))
POLICIES = [file for file in FILES if "\nstores:" in file.read_text()]
LISTEN, ADMIN = "127.0.0.1:4001", "127.0.0.1:4002"
STORE = {"kind": "chroma", "listen": "127.0.0.1:8001", "upstream": "http://127.0.0.1:8000"}
# What the policies that are shipped take from the environment.
ENVIRONMENT = dict.fromkeys(("LLM_API_KEY", "RERANK_API_KEY", "MIDRANK_API_KEY", "MIDRANK_SECRET"), "s" * 32)


def contender(**document):
    document = {"stores": [STORE], **document}
    policy = parse_policy(orjson.dumps(document).decode(), file="mine.yaml", environment={})
    return Contender("mine", None, document, policy)


def read_back(one, upstream="http://127.0.0.1:9000", kept=None):
    document = tried(one, Place(LISTEN, ADMIN, one.policy.stores[0], upstream, kept))
    return parse_policy(orjson.dumps(document).decode(), file="tried", environment=ENVIRONMENT)


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
@pytest.mark.parametrize("upstream", [None, "http://127.0.0.1:9000"])
def test_every_policy_that_is_shipped_can_be_tried(file, upstream):
    policy = load_policy(file, ENVIRONMENT)
    document = yaml.safe_load(file.read_bytes())
    one = read_back(Contender(file.stem, file, document, policy), upstream)

    assert [(store.listen, store.name) for store in one.stores] == [(LISTEN, policy.stores[0].name)]
    assert one.stores[0].upstream == (upstream or policy.stores[0].upstream)
    assert [rule.rerank for rule in one.rules] == [rule.rerank for rule in policy.rules]
    assert [rule.budget_ms for rule in one.rules] == [rule.budget_ms for rule in policy.rules]
    assert one.admin.listen == ADMIN


def test_nothing_that_leaves_traces_is_tried():
    one = read_back(
        contender(
            record={"folder": "/records"},
            feedback={"listen": "127.0.0.1:4003"},
            cache={"memory_mb": 64},
            rerank_api={"listen": "127.0.0.1:4004"},
            models={"default": {"kind": "late_interaction", "file": "/matrices", "max_tokens": 128}},
            rules=[{"experiment": {"kind": "interleave"}, "cache": {"semantic": {}}, "budget_ms": 70}],
        )
    )

    assert (one.record, one.feedback, one.harm_guard, one.rerank_api) == (None, None, None, None)
    assert (one.rules[0].experiment, one.rules[0].cache.semantic) == (None, None)
    assert not one.cache.kept
    assert (one.models["default"].file, one.models["default"].max_tokens) == (None, 128)
    assert one.rules[0].budget_ms == 70


def test_what_models_know_of_documents_is_kept_apart_from_the_servers_own(tmp_path):
    """By their settings, as they decide what is kept."""
    kept = tmp_path / "matrices-0"
    models = {
        "a": {"kind": "late_interaction", "file": "/matrices"},
        "b": {"kind": "late_interaction", "pooling": 1},
    }
    one = read_back(contender(models=models, rules=[{"rerank": ["a", "b"]}]), kept=kept)
    files = [model.file for model in one.models.values()]

    assert all(file.startswith(f"{kept}-") for file in files)
    assert len(set(files)) == 2
    assert read_back(contender(), kept=kept).models["default"].file == files[0]


def test_what_would_only_be_watched_is_done():
    one = read_back(contender(rules=[{"mode": "shadow"}, {"mode": False}, {"mode": "on"}]))

    assert [rule.mode for rule in one.rules] == ["on", "off", "on"]


def test_a_store_in_place_of_another_has_its_name():
    """Rules go by it."""
    qdrant = {"kind": "qdrant", "name": "articles", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:2"}
    one = read_back(contender(stores=[qdrant]))

    assert isinstance(one.stores[0], ChromaStore)
    assert one.stores[0].name == "articles"


def test_a_store_that_is_asked_itself_is_told_as_it_was():
    text = {"*": {"fields": ["metadata.body"]}}
    one = read_back(contender(stores=[{**STORE, "text": text, "timeout_s": 7}]), None)

    assert one.stores[0].text["*"].fields == ("metadata.body",)
    assert (one.stores[0].timeout_s, one.stores[0].upstream) == (7, "http://127.0.0.1:8000")


def test_without_a_policy_all_defaults_are_tried():
    (one,) = contenders(())

    assert one.name == "default"
    assert read_back(one).rules == one.policy.rules


def test_policies_are_called_like_their_files_as_far_as_those_differ(tmp_path):
    files = [tmp_path / name for name in ("a/one.yaml", "b/one.yaml", "two.yaml")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(orjson.dumps({"stores": [STORE]}))

    assert [one.name for one in contenders(files)] == [str(files[0]), str(files[1]), "two"]


def test_a_policy_is_tried_once(tmp_path):
    file = tmp_path / "one.yaml"
    file.write_bytes(orjson.dumps({"stores": [STORE]}))

    with pytest.raises(BadConfig, match=r"--policy: .*one\.yaml - each policy once"):
        contenders([file, file])


def test_of_several_stores_one_is_named():
    stores = [{**STORE, "name": "a"}, {**STORE, "name": "b", "listen": "127.0.0.1:8002"}]
    one = contender(stores=stores)

    assert store_of(one, "b").name == "b"
    for name in (None, "c"):
        with pytest.raises(BadConfig, match="one of the policy's stores: a, b"):
            store_of(one, name)

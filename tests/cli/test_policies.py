"""The policies that are shipped: all of them load, and editors are told the truth about the format."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import orjson
import pytest
import yaml

from proxy.cli.schema import PARTS, policy_page, policy_schema
from proxy.policy_file import load_policy

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(POLICIES.glob("*.yaml"))
SECRETS = {
    "MIDRANK_SECRET": "a secret of some length",
    "MIDRANK_API_KEY": "ours",
    "RERANK_API_KEY": "theirs",
    "LLM_API_KEY": "theirs",
}


def test_there_are_policies():
    assert len(SHIPPED) >= 3


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_loads(path):
    policy = load_policy(path, environment=SECRETS)

    assert policy.stores or policy.rerank_api


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_editor_accepts_it_too(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), orjson.loads(policy_schema()))


def test_the_schema_file_is_up_to_date():
    assert (POLICIES / "schema.json").read_text() == policy_schema(), (
        "run: midrank schema > policies/schema.json"
    )


def test_the_page_about_the_policy_is_up_to_date():
    page = POLICIES.parent / "docs" / "policy.md"

    assert page.read_text() == policy_page(), "run: midrank schema --markdown > docs/policy.md"


def test_every_key_is_explained():
    silent = [
        f"{place}: {name}"
        for place, part in PARTS
        for name, field in part.model_fields.items()
        if not field.description
    ]

    assert silent == []

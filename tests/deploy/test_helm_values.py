"""The chart's values without Helm: what they say, what may be said, and the chart's copies of other parts."""

from __future__ import annotations

import re
import shutil

import jsonschema
import pytest
import yaml

import proxy
from deploy.helm import renew
from tests.deploy.values import CHART, SETS, own_values, value_mistakes, value_schema, value_set

SCHEMA = value_schema()
TEMPLATES = "".join(path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file())


def own_maps(known=SCHEMA, values=None, path=()):
    """Yield the maps whose keys are the chart's own: path, schema, values."""
    values = own_values() if values is None else values
    yield path, known, values
    for key, inner in known["properties"].items():
        if "properties" in inner and key != "global":
            yield from own_maps(inner, values[key], (*path, key))


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == proxy.__version__


def test_its_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    for reference in re.findall(r'"\$ref": "(.*?)"', (CHART / "values.schema.json").read_text()):
        assert reference.removeprefix("#/definitions/") in SCHEMA["definitions"]


@pytest.mark.parametrize("name", [None, *SETS])
def test_values_are_what_the_schema_allows(name):
    assert value_mistakes(value_set(name) if name else {}) == []


def test_every_value_is_in_the_schema_and_every_key_of_the_schema_is_shown_in_the_values():
    for path, schema, values in own_maps():
        known = set(schema["properties"]) - ({"global", "enabled"} if not path else set())

        assert schema["additionalProperties"] is False, path
        assert set(values) == known, path


def test_every_value_is_used_by_a_template():
    words = set(re.findall(r"[.$\"]([A-Za-z]\w*)", TEMPLATES))

    assert [(*path, key) for path, _, values in own_maps() for key in values if key not in words] == []


def test_what_templates_can_not_do_without_may_not_be_taken_away():
    """`key: null` takes a default away; Go would then say `nil pointer evaluating interface {}`."""
    optional = {"targetCPUUtilizationPercentage", "maxUnavailable", "delaySeconds"}
    for path, schema, values in own_maps():
        for key, value in values.items():
            scalar = not isinstance(value, dict | list) and value not in (None, "")
            if (scalar or "properties" in schema["properties"][key]) and key not in optional:
                assert key in schema.get("required", ()), (*path, key)


def test_a_policy_may_say_in_values_what_it_may_say_in_a_file():
    """Numbers and words may be `${NAME}`, and YAML 1.1 reads `off` as false."""
    rule = {"mode": False, "budget_ms": "${BUDGET_MS:-150}", "scores": "${SCORES:-keep}"}
    models = {"default": {"kind": "late_interaction", "threads": "${THREADS}"}}

    assert (
        value_mistakes({"policy": {"config": {"rules": [rule], "models": models, "admin": "0.0.0.0:9901"}}})
        == []
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"store": []}, "'store' was unexpected"),
        ({"stores": [{"kind": "qdrant", "listen": "0.0.0.0:1"}]}, "'upstream' is a required property"),
        ({"stores": [{"kind": "milvus"}]}, "'milvus' is not one of ['chroma', 'qdrant']"),
        ({"models": {"m": {"kind": "late_interaction", "thread": 1}}}, "'thread' was unexpected"),
        ({"rules": [{"budget_ms": 0}]}, "0 is less than or equal to the minimum of 0"),
        ({"rules": [{"budget_ms": "much"}]}, "'much' does not match"),
        ({"admin": {"port": 1}}, "'port' was unexpected"),
    ],
)
def test_a_wrong_policy_is_told_before_anything_is_applied(config, said):
    assert any(said in mistake for mistake in value_mistakes({"policy": {"config": config}}))


def test_what_the_chart_holds_of_other_parts_is_as_they_are(tmp_path):
    """If this fails: `make chart`."""
    renewed = tmp_path / "midrank"
    shutil.copytree(CHART, renewed)

    renew.write(renewed)

    assert {p.relative_to(renewed): p.read_bytes() for p in renewed.rglob("*") if p.is_file()} == {
        p.relative_to(CHART): p.read_bytes() for p in CHART.rglob("*") if p.is_file()
    }

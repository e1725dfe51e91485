"""The chart's values: its own, and the sets that it is tried with, as Helm puts them together."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "midrank"
# The sets that chart-testing would install, by name.
SETS = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}

Values = dict[str, Any]


def value_set(name: str) -> Values:
    """Return a set as it is written, without the chart's own values."""
    return copy.deepcopy(_read(SETS[name]))


def own_values() -> Values:
    """Return the chart's values.yaml."""
    return copy.deepcopy(_read(CHART / "values.yaml"))


@cache
def _read(path: Path) -> Values:
    values: Values = yaml.safe_load(path.read_text())
    return values


def over(values: Mapping[str, Any], more: Mapping[str, Any]) -> Values:
    """Return `values` with `more` over them: maps are merged, null takes a key away, the rest is replaced."""
    merged = dict(values)
    for key, value in more.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = over(merged[key], value)
        else:
            merged[key] = value
    return merged


def value_mistakes(values: Mapping[str, Any]) -> list[str]:
    """Return what the chart's schema finds wrong with values over the chart's own, as Helm would."""
    return [f"{one.json_path}: {one.message}" for one in _validator().iter_errors(over(own_values(), values))]


def value_schema() -> Values:
    """Return the chart's schema of values."""
    read: Values = orjson.loads((CHART / "values.schema.json").read_bytes())
    return read


@cache
def _validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(value_schema())

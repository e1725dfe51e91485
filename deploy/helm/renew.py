"""Write what the chart holds of other parts of the project: the policy's schema, alert rules, dashboards.

A chart can read nothing outside of its folder, and links that lead out of it get lost in archives.
So it has copies, and a test compares them. `make chart` writes them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import orjson

from proxy.cli.schema import policy_schema

HERE = Path(__file__).parent
OBSERVABILITY = HERE.parent / "observability"

Schema = dict[str, Any]


def write(chart: Path) -> None:
    """Renew the copies in a chart's folder."""
    schema = chart / "values.schema.json"
    values = orjson.loads(schema.read_bytes())
    own = {name: one for name, one in values["definitions"].items() if not name.startswith("policy")}
    values["definitions"] = own | policy_definitions(orjson.loads(policy_schema()))
    schema.write_bytes(orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    boards = chart / "files" / "dashboards"
    shutil.rmtree(boards, ignore_errors=True)
    boards.mkdir(parents=True)
    for board in sorted((OBSERVABILITY / "grafana").glob("*.json")):
        shutil.copyfile(board, boards / board.name)
    shutil.copyfile(OBSERVABILITY / "rules.yaml", chart / "files" / "rules.yaml")


def policy_definitions(schema: Schema) -> dict[str, Schema]:
    """Return the schema of policies as definitions of draft 7, which all versions of Helm know.

    It lets `${NAME}` stand for every value, as policies do, and is made so that Helm's messages name the
    mistake and not all the alternatives.
    """
    parts = {f"policy.{name}": _part(part) for name, part in schema["$defs"].items()}
    return {"policy": _part({key: value for key, value in schema.items() if key != "$defs"})} | parts


def _part(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if "discriminator" in node:
        return _by_kind(node["discriminator"]["mapping"])
    if "anyOf" in node:
        return _without_null(node)
    if "$ref" in node:
        return {"$ref": _moved(node["$ref"])}
    kept = {key: value for key, value in node.items() if key not in _DROPPED}
    kept |= {key: _part(node[key]) for key in ("additionalProperties", "items") if key in node}
    if "properties" in node:
        kept["properties"] = {name: _part(inner) for name, inner in node["properties"].items()}
    return _or_variable(kept)


# What is of another draft, repeats the key or is the product's business; the last three are gone into.
_DROPPED = frozenset(
    ("$schema", "title", "default", "format", "writeOnly", "additionalProperties", "items", "properties")
)


def _by_kind(mapping: dict[str, str]) -> Schema:
    cases = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": _moved(part)},
        }
        for kind, part in mapping.items()
    ]
    kinds = {"properties": {"kind": {"enum": list(mapping)}}}
    return {"type": "object", "required": ["kind"], **kinds, "allOf": cases}


def _without_null(node: Schema) -> Schema:
    """Drop the alternative null, for Helm `not given`; of a string and an object choose by the type."""
    first, *others = [one for one in node["anyOf"] if one != {"type": "null"}]
    if not others:
        described = {"description": node["description"]} if "description" in node else {}
        kept: Schema = _part(first | described)
        return kept
    (other,) = others
    return {"if": {"type": "string"}, "then": _part(first), "else": _part(other)}


def _or_variable(node: Schema) -> Schema:
    """Let `${NAME}` stand where a number, a boolean or one of several words is wanted."""
    if "enum" in node:
        # YAML 1.1, which Helm speaks too, reads a bare `on` as true and `off` as false.
        words = node["enum"] + ([True, False] if "on" in node["enum"] else [])
        described = {"description": node["description"]} if "description" in node else {}
        return described | {"anyOf": [{"enum": words}, {"type": "string", "pattern": r"\$\{"}]}
    if node.get("type") in ("integer", "number", "boolean"):
        return node | {"type": [node["type"], "string"], "pattern": r"\$\{"}
    if "pattern" in node:
        return node | {"pattern": rf"{node['pattern']}|\$\{{"}
    return node


def _moved(reference: str) -> str:
    return reference.replace("#/$defs/", "#/definitions/policy.")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "midrank")

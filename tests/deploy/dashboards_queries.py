"""Every query that is shipped, of panels and of rules, and which metrics and labels it uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import promql_parser
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
DASHBOARDS = ("overview", "proof")

# What `All` and Grafana's own intervals stand for.
_VARIABLES = {
    "$namespace": ".*",
    "$job": ".*",
    "$pod": ".*",
    "$store": ".+",
    "$collection": ".+",
    "$__rate_interval": "1m",
}


class Asked(NamedTuple):
    """A query and where it stands: `overview: Depth`, `rules: MidrankDown`."""

    place: str
    expr: str


class Use(NamedTuple):
    """A metric that a query selects, and the labels that it must have for that to be of use."""

    metric: str
    labels: frozenset[str]


def dashboard(name: str) -> dict[str, Any]:
    """Return a dashboard as it is shipped."""
    return orjson.loads((FOLDER / "grafana" / f"{name}.json").read_bytes())


def rules() -> list[dict[str, Any]]:
    """Return all rules, one after the other."""
    groups = yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panel_queries() -> list[Asked]:
    """Return the queries of all panels as Grafana would send them."""
    return [
        Asked(f"{name}: {panel['title']}", filled_in(target["expr"]))
        for name in DASHBOARDS
        for panel in dashboard(name)["panels"]
        for target in panel.get("targets", ())
    ]


def rule_queries() -> list[Asked]:
    """Return the queries of all rules."""
    return [Asked(f"rules: {rule.get('alert') or rule['record']}", rule["expr"]) for rule in rules()]


def filled_in(expr: str) -> str:
    """Replace a dashboard's variables."""
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def uses(expr: str) -> set[Use]:
    """Return the metrics that a query selects, with the labels it asks for or adds up by."""
    found: set[Use] = set()
    grouped: list[frozenset[str]] = []

    def enter(node: Any) -> bool:
        if isinstance(node, promql_parser.AggregateExpr):
            modifier = node.modifier
            grouped.append(frozenset(modifier.labels if modifier is not None else ()))
        elif isinstance(node, promql_parser.VectorSelector):
            matched = frozenset(matcher.name for matcher in node.matchers.matchers)
            found.add(Use(node.name, matched.union(*grouped)))
        return True

    def leave(node: Any) -> bool:
        if isinstance(node, promql_parser.AggregateExpr):
            grouped.pop()
        return True

    promql_parser.walk(promql_parser.parse(expr), enter, leave)
    return found


def anchors(path: Path) -> set[str]:
    """Return the anchors that a page's headings get: lower case, dashes for spaces, punctuation left out."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

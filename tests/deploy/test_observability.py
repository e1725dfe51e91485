"""Dashboards, rules and collector as they are shipped: whole, up to date, and each alert with its runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import orjson
import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.observability.dashboards.__main__ import BOARDS, write
from deploy.observability.dashboards.searches import NOTHING_TO_DO
from tests.deploy.dashboards_queries import (
    DASHBOARDS,
    FOLDER,
    anchors,
    dashboard,
    panel_queries,
    rule_queries,
    rules,
    uses,
)

REPO = Path(__file__).parents[2]
ALERTS = [rule for rule in rules() if "alert" in rule]
# Labels of what is scraped: those of the scrape itself, and what a metric has beside.
SCRAPED = {"namespace", "job", "pod", "instance"}
# What Grafana knows as a unit, of all that it knows.
UNITS = {"none", "s", "bytes", "percentunit", "reqps", "suffix: /s"}


def test_what_is_generated_is_up_to_date(tmp_path):
    write(tmp_path)

    for path in (file for file in tmp_path.rglob("*") if file.is_file()):
        assert (FOLDER / path.relative_to(tmp_path)).read_text() == path.read_text(), (
            f"{path.name} is old: python -m deploy.observability.dashboards"
        )


# --- dashboards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_what_grafana_reads(name):
    told = dashboard(name)
    read = Dashboard.from_json(told)

    assert read.uid == BOARDS[name].uid
    assert [variable.name for variable in read.templating.list_val][:2] == ["datasource", "namespace"]
    assert len({panel["id"] for panel in told["panels"]}) == len(told["panels"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_shows_and_in_which_unit(name):
    for row in BOARDS[name].rows:
        for panel in row.panels:
            assert panel.description.endswith("."), panel.title
            assert panel.unit in UNITS, panel.title
            assert all(query.legend for query in panel.queries), panel.title
            seconds = ["_seconds" in query.expr for query in panel.queries]
            if panel.unit == "s":
                assert all(seconds), panel.title
            if panel.unit == "bytes":
                assert all("_bytes" in query.expr for query in panel.queries), panel.title


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_hides_another(name):
    def covers(panel):
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    for one, other in combinations(dashboard(name)["panels"], 2):
        assert not covers(one) & covers(other), (one["title"], other["title"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_queries_ask_the_data_source_that_is_chosen(name):
    known = {variable["name"] for variable in dashboard(name)["templating"]["list"]}
    known |= {"__rate_interval", "__range"}

    for panel in dashboard(name)["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= known
            promised = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert promised <= set().union(*(use.labels for use in uses(_literal(target["expr"])))), target[
                "expr"
            ]


def _literal(expr):
    """Return a query without variables, which are no PromQL."""
    return expr.replace("$__rate_interval", "5m").replace("$", "")


def test_every_query_is_promql():
    for asked in (*panel_queries(), *rule_queries()):
        promql_parser.parse(asked.expr)


# --- rules ----------------------------------------------------------------------------------------


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    return lambda *arguments: subprocess.run(
        [found, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )


def test_promtool_finds_no_fault_in_the_rules(promtool):
    checked = promtool("check", "rules", "rules.yaml")

    assert checked.returncode == 0, checked.stderr
    assert f"{len(rules())} rules found" in checked.stdout


def test_alerts_fire_when_they_should_and_not_otherwise(promtool):
    tested = promtool("test", "rules", "rules_test.yaml")

    assert tested.returncode == 0, tested.stderr + tested.stdout


def test_every_alert_is_seen_to_fire_by_the_rule_tests():
    tests = yaml.safe_load((FOLDER / "rules_test.yaml").read_text())["tests"]
    seen = {
        name
        for test in tests
        for asked in test.get("promql_expr_test", ())
        for sample in asked["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', sample["labels"])
    }
    seen |= {asked["alertname"] for test in tests for asked in test.get("alert_rule_test", ())}

    assert seen == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_is_about_and_where_its_runbook_is(rule):
    annotations = rule["annotations"]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert annotations["description"].endswith(".")

    path, _, anchor = annotations["runbook_url"].partition("#")
    assert anchor in anchors(REPO / path)
    assert anchor == rule["alert"].lower()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_labels_that_an_alert_quotes_are_there_when_it_fires(rule):
    quoted = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    recorded = {one["record"]: one["expr"] for one in rules() if "record" in one}
    used = {
        use
        for selected in uses(rule["expr"])
        for use in (uses(recorded[selected.metric]) if selected.metric in recorded else {selected})
    }
    grouped = "by (" in rule["expr"] or any(use.metric in recorded for use in uses(rule["expr"]))
    there = set().union(*(use.labels for use in used))

    # What isn't added up keeps all its labels: the scrape's, and the model of what is told of models.
    if not grouped:
        there |= SCRAPED | {"reranker_model_name", "midrank_cache_name"}
    assert quoted <= there


def test_rules_and_dashboards_agree_on_what_was_to_be_reranked():
    words = "|".join(NOTHING_TO_DO)
    told = [rule["expr"] for rule in rules() if "midrank_reason!~" in rule["expr"]]

    assert len(told) == 4
    assert all(f'midrank_reason!~"{words}"' in expr for expr in told)


def test_the_rules_of_the_readme_are_counted():
    readme = (FOLDER / "README.md").read_text()

    assert f"{len(rules()) - len(ALERTS)} recording rules, {len(ALERTS)} alerts" in readme


# --- kubernetes -----------------------------------------------------------------------------------


def test_kustomize_puts_dashboards_rules_and_scraping_together():
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here")
    rendered = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, text=True, check=True)
    documents = list(yaml.safe_load_all(rendered.stdout))
    kinds = {one["kind"]: one for one in documents}

    assert kinds.keys() == {"ConfigMap", "PodMonitor", "PrometheusRule"}
    assert kinds["PrometheusRule"]["spec"] == yaml.safe_load((FOLDER / "rules.yaml").read_text())
    assert orjson.loads(kinds["ConfigMap"]["data"]["overview.json"]) == dashboard("overview")
    # What client-side apply notes down in an annotation may have 256 KiB.
    assert len(orjson.dumps(kinds["ConfigMap"])) < 250_000
    scraped = {
        one["metadata"]["name"]: (
            one["spec"]["selector"]["matchLabels"],
            one["spec"]["podMetricsEndpoints"][0]["port"],
            one["spec"]["podMetricsEndpoints"][0]["path"],
        )
        for one in documents
        if one["kind"] == "PodMonitor"
    }
    assert scraped == {
        "midrank-gateways": ({"app.kubernetes.io/name": "midrank"}, "midrank-admin", "/metrics"),
        "midrank-injector": ({"app.kubernetes.io/name": "midrank-injector"}, "webhook", "/metrics"),
        "midrank-sidecars": ({"midrank.dev/injected": "true"}, "midrank-admin", "/metrics"),
    }


# --- collector ------------------------------------------------------------------------------------

COLLECTOR = yaml.safe_load((FOLDER / "collector.yaml").read_text())
PARTS = ("receivers", "processors", "exporters")


def test_pipelines_of_the_collector_are_of_parts_that_are_defined_and_used():
    pipelines = COLLECTOR["service"]["pipelines"]

    for part in PARTS:
        used = {name for pipeline in pipelines.values() for name in pipeline[part]}
        assert used == COLLECTOR[part].keys(), part
    assert set(COLLECTOR["service"]["extensions"]) == COLLECTOR["extensions"].keys()


def test_the_collector_refuses_first_and_batches_last():
    for pipeline in COLLECTOR["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"


def test_traces_of_fallbacks_errors_and_slow_searches_are_kept():
    policies = {one["type"]: one for one in COLLECTOR["processors"]["tail_sampling"]["policies"]}

    assert policies["string_attribute"]["string_attribute"] == {
        "key": "midrank.outcome",
        "values": ["fallback"],
    }
    assert policies.keys() == {"string_attribute", "status_code", "latency", "probabilistic"}
    assert all(one["type"] in one for one in policies.values() if one["type"] != "always_sample")

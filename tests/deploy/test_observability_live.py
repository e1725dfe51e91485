"""Every query of every panel and rule against a real midrank that has everything switched on.

The names are compared with what it tells; the queries are put to a real Prometheus that has scraped it.
"""

from __future__ import annotations

import re
import ssl

import pytest
from aiohttp import ClientSession, TCPConnector
from prometheus_client.parser import text_string_to_metric_families

from proxy.injection.certificates import Certificates
from proxy.injection.server import Webhook
from proxy.injection.settings import WebhookSettings
from tests.deploy.dashboards_live import PROMETHEUS, live
from tests.deploy.dashboards_queries import (
    DASHBOARDS,
    FOLDER,
    dashboard,
    panel_queries,
    rule_queries,
    rules,
    uses,
)
from tests.fakes.certificates import Authority, mount

pytestmark = [pytest.mark.store, pytest.mark.model, pytest.mark.timeout(150)]

# Told by Prometheus, not by us: of alerts, of the scrape; and the labels that a scrape adds.
ELSEWHERE = {"ALERTS", "up"}
SCRAPED = {"namespace", "job", "pod", "instance"}
# Told by the injector's webhook, a process of its own.
INJECTOR = "midrank_webhook_"
# What is wrong on purpose: a store and a Redis that aren't there, and a bad policy file.
WRONG = {"MidrankStoreErrors", "MidrankRedisDown", "MidrankPolicyRejected"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with live(tmp_path_factory.mktemp("live")) as found:
        yield found


@pytest.fixture
def prometheus(running):
    if PROMETHEUS is None:
        pytest.skip("no prometheus here: apt-get install prometheus")
    return running


@pytest.fixture(scope="module")
def told(running):
    return labels_of(running.text)


def labels_of(text):
    """Return the labels of every metric that is told; those without a value left out."""
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            known = labels.setdefault(sample.name, set())
            known.update(name for name, value in sample.labels.items() if value)
    return labels


def test_every_query_names_metrics_and_labels_that_are_told(told):
    recorded = {rule["record"] for rule in rules() if "record" in rule}

    for asked in (*panel_queries(), *rule_queries()):
        for use in uses(asked.expr):
            if use.metric not in ELSEWHERE | recorded and not use.metric.startswith(INJECTOR):
                assert use.metric in told, asked.place
                assert use.labels - SCRAPED <= told[use.metric], (asked.place, use.metric)


def test_every_variable_chooses_among_labels_that_are_told(told):
    for name in DASHBOARDS:
        for variable in dashboard(name)["templating"]["list"]:
            if variable["type"] == "query":
                metrics, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
                some = [metric for metric in told if re.match(rf"{metric}\b|.*[(|]{metric[8:]}[)|]", metrics)]
                assert some, variable["name"]
                assert label in SCRAPED or any(label in told[metric] for metric in some)


def test_the_page_on_operations_names_metrics_that_are_told(told):
    named = set(re.findall(r"`(midrank_\w+)`", (FOLDER.parents[1] / "docs" / "operations.md").read_text()))

    assert named <= told.keys() | set().union(*told.values())


def test_every_panel_finds_something_to_show(prometheus):
    empty = {asked.place for asked in panel_queries() if not prometheus.values(asked.expr)}

    assert not empty


def test_prometheus_follows_every_rule_and_records_what_it_should(prometheus):
    followed = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]

    assert {rule["name"]: rule["health"] for rule in followed} == dict.fromkeys(
        (rule.get("alert") or rule["record"] for rule in rules()), "ok"
    )
    assert all(prometheus.values(rule["record"]) for rule in rules() if "record" in rule)


def test_what_is_wrong_is_seen_by_the_alerts(prometheus):
    seen = {alert["labels"]["alertname"] for alert in prometheus.ask("alerts")["alerts"]}

    assert seen >= WRONG


@pytest.fixture
def authority():
    return Authority()


@pytest.fixture
def certificates(authority, tmp_path):
    return Certificates(*mount(tmp_path, authority.issue()))


async def test_what_the_injector_is_watched_by_is_told_by_it(authority, certificates):
    webhook = Webhook(WebhookSettings(), certificates, ("127.0.0.1", 0), grace=1)
    await webhook.start()
    try:
        trusting = ssl.create_default_context(cadata=authority.pem.decode())
        async with ClientSession(
            "https://{}:{}".format(*webhook.address), connector=TCPConnector(ssl=trusting)
        ) as client:
            await client.post("/mutate", data=b"no review")
            told = labels_of(await (await client.get("/metrics")).text())
    finally:
        await webhook.close(0)

    for asked in rule_queries():
        for use in uses(asked.expr):
            if use.metric.startswith(INJECTOR):
                assert use.labels - SCRAPED <= told[use.metric], asked.place

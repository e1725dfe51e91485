"""The injector as the chart describes it: our webhook with its certificate and settings, behind a cluster."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from proxy.injection.certificates import Certificates
from proxy.injection.server import PATIENCE, Webhook
from proxy.injection.settings import WebhookSettings
from proxy.injection.settings_file import load_settings
from tests.deploy.documents import contents
from tests.deploy.helm import NAMESPACE, render
from tests.deploy.values import over, value_set
from tests.fakes.api_server import ApiServer
from tests.fakes.pods import pod

pytestmark = [pytest.mark.helm, pytest.mark.wire]

ASKS = {"inject": "true", "policy": "search"}
ENABLED = {"midrank.dev/injection": "enabled"}
NAMESPACES = {"rag": ENABLED, "other": {}, "kube-system": ENABLED, NAMESPACE: ENABLED}


@pytest.fixture(scope="module")
def rendered():
    return render(value_set("injector"))


@pytest.fixture(scope="module")
def files(rendered, tmp_path_factory):
    """Mount the Secret and the ConfigMap."""
    folder = tmp_path_factory.mktemp("mounted")
    for document in (rendered.one("Secret"), rendered.one("ConfigMap")):
        for name, text in contents(document).items():
            (folder / name).write_text(text)
    return folder


def create(files, configuration, asked, namespace="rag"):
    """Create a pod in a cluster with this configuration, and our webhook running."""

    async def created():
        async with running(files) as address:
            addresses = {"midrank-injector": address}
            cluster = ApiServer([configuration], namespaces=NAMESPACES, addresses=addresses)
            return await cluster.create(asked, namespace)

    return asyncio.run(created())


@asynccontextmanager
async def running(files):
    certificates = Certificates(files / "tls.crt", files / "tls.key")
    webhook = Webhook(load_settings(files / "webhook.yaml"), certificates, ("127.0.0.1", 0), grace=1)
    await webhook.start()
    try:
        yield webhook.address
    finally:
        await webhook.close(0)


def sidecars(made):
    return [one for one in made.pod["spec"].get("initContainers", []) if one["name"] == "midrank"]


def test_a_pod_that_asks_gets_the_sidecar_that_the_values_describe(rendered, files):
    made = create(files, rendered.one("MutatingWebhookConfiguration"), pod(ASKS))

    (sidecar,) = sidecars(made)
    assert made.warnings == []
    assert sidecar["image"] == "midrank:0.1.0"
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["resources"]["requests"] == {"cpu": "500m", "memory": "512Mi"}
    endpoint = {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector.observability:4318"}
    assert endpoint in sidecar["env"]


@pytest.mark.parametrize("namespace", ["other", "kube-system", NAMESPACE])
def test_pods_elsewhere_are_none_of_its_business(rendered, files, namespace):
    made = create(files, rendered.one("MutatingWebhookConfiguration"), pod(ASKS), namespace)

    assert made.asked == []


def test_pods_that_say_nothing_or_no_are_not_asked_about(rendered, files):
    declines = pod(ASKS)
    declines["metadata"]["labels"] = {"midrank.dev/inject": "false"}
    for one in (pod(), declines):
        assert create(files, rendered.one("MutatingWebhookConfiguration"), one).asked == []


def test_the_chart_leaves_its_own_pods_alone_wherever_it_is():
    for name, workload in (("injector", "midrank-injector"), ("gateway", "midrank-gateway")):
        assert render(value_set(name)).pod(workload)["metadata"]["labels"]["midrank.dev/inject"] == "false"


def test_another_authority_is_not_trusted_and_pods_start_without(files):
    other = render(value_set("injector")).one("MutatingWebhookConfiguration")
    made = create(files, other, pod(ASKS))

    assert made.asked == ["injector.midrank.dev"]
    assert sidecars(made) == []


def test_nobody_waits_long_for_it_nor_less_than_it_takes_to_give_up_by_itself(rendered):
    (webhook,) = rendered.one("MutatingWebhookConfiguration")["webhooks"]

    assert webhook["failurePolicy"] == "Ignore"
    assert PATIENCE < webhook["timeoutSeconds"] <= 5
    assert (webhook["reinvocationPolicy"], webhook["sideEffects"]) == ("IfNeeded", "None")


@pytest.mark.parametrize(("version", "native"), [("1.28", False), ("1.29", True)])
def test_sidecars_are_native_where_the_cluster_knows_them(version, native, tmp_path):
    config = tmp_path / "webhook.yaml"
    config.write_text(contents(render(value_set("injector"), version).one("ConfigMap"))["webhook.yaml"])
    settings = load_settings(config)

    assert settings.native_sidecar is native
    assert settings.images == ("registry.example.com/platform/midrank:*",)
    assert settings.upstreams == ("http://*.stores.svc:6333",)


def test_what_is_not_limited_is_not_limited_by_the_webhooks_own_defaults(tmp_path):
    """A key that is left out would be the product's default; null is none."""
    resources = {"requests": {"cpu": "1"}, "limits": {"memory": None}}
    values = over(value_set("injector"), {})
    values["injector"]["sidecar"] |= {"resources": resources, "upstreams": []}
    config = tmp_path / "webhook.yaml"
    config.write_text(contents(render(values).one("ConfigMap"))["webhook.yaml"])
    settings = load_settings(config)

    assert (settings.cpu_request, settings.cpu_limit, settings.memory_limit) == ("1", None, None)
    assert settings.upstreams is None


@pytest.mark.parametrize(("version", "conditions"), [("1.27", 0), ("1.28", 2)])
def test_conditions_are_left_out_where_the_api_has_none(version, conditions):
    (webhook,) = render(value_set("injector"), version).one("MutatingWebhookConfiguration")["webhooks"]

    assert len(webhook.get("matchConditions", [])) == conditions


def settings_of(values, folder):
    """Load the settings that the chart writes."""
    config = folder / "webhook.yaml"
    config.write_text(contents(render(values).one("ConfigMap"))["webhook.yaml"])
    return load_settings(config)


def test_what_is_not_said_is_as_the_injector_has_it_without_a_chart(tmp_path):
    settings = settings_of({"gateway": {"enabled": False}, "injector": {"enabled": True}}, tmp_path)

    assert settings == WebhookSettings(image_pull_policy="IfNotPresent")


def test_it_listens_on_ipv6_where_it_is_told_so():
    values = over(value_set("injector"), {"injector": {"listen": "[::]:9443"}})
    container = render(values).container("midrank-injector")

    assert "--listen=[::]:9443" in container["args"]
    assert container["ports"] == [{"name": "webhook", "containerPort": 9443}]


def test_on_openshift_sidecars_do_not_say_whom_they_run_as(tmp_path):
    assert settings_of(over(value_set("injector"), {"openshift": True}), tmp_path).run_as_user is None

"""The manifests of deploy/injector say what the code does, and hold on a cluster."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from proxy.cli import main
from proxy.injection import options
from proxy.injection.injector import injection, patched
from proxy.injection.pod_checks import pod_mistakes
from proxy.injection.pod_security import restricted_mistakes
from proxy.injection.server import PATIENCE
from proxy.injection.settings import PodOptions, WebhookSettings
from tests.deploy.schemas import schema_mistakes
from tests.fakes.api_server import CONDITIONS
from tests.fakes.pods import pod

REPO = Path(__file__).parents[2]
DEPLOY = REPO / "deploy" / "injector"
BASE = DEPLOY / "base"
# The oldest with matchConditions without being asked for.
VERSIONS = ("1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


def rendered(folder):
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    told = subprocess.run(
        ["kubectl", "kustomize", DEPLOY / folder], capture_output=True, check=True, timeout=30
    )
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(told.stdout)}


@pytest.fixture(scope="module")
def base():
    return rendered("base")


@pytest.fixture(scope="module")
def deployment(base):
    return base["Deployment", "midrank-injector"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_are_valid(base, version):
    assert [mistake for one in base.values() for mistake in schema_mistakes(one, version)] == []


def test_the_pods_are_right_and_restricted(deployment):
    template = deployment["spec"]["template"]

    assert pod_mistakes(template) == ()
    assert restricted_mistakes(template) == ()


def test_the_command_line_is_one_of_midrank(deployment, capsys):
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert main(container["args"]) == 2
    assert "/etc/midrank-webhook/webhook.yaml: (file): No such file" in capsys.readouterr().err


def test_the_grace_period_is_long_enough(deployment):
    """5 seconds of delay and 10 of drain are the defaults of the command."""
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 5 + 10 + 5


def test_what_leads_to_the_pods_fits(base, deployment):
    (hook,) = base["MutatingWebhookConfiguration", "midrank-injector"]["webhooks"]
    service = base["Service", "midrank-injector"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()

    assert hook["clientConfig"]["service"] == {
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
        "path": "/mutate",
        "port": service["spec"]["ports"][0]["port"],
    }
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    for selector in (
        service["spec"]["selector"],
        deployment["spec"]["selector"]["matchLabels"],
        base["PodDisruptionBudget", "midrank-injector"]["spec"]["selector"]["matchLabels"],
        base["NetworkPolicy", "midrank-injector"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels


def test_the_webhook_fails_open_and_gives_up_before_the_api_server_does(base):
    (hook,) = base["MutatingWebhookConfiguration", "midrank-injector"]["webhooks"]

    assert hook["failurePolicy"] == "Ignore"
    assert hook["sideEffects"] == "None"
    assert hook["timeoutSeconds"] > PATIENCE


def test_selectors_speak_of_the_names_that_the_code_has(base):
    (hook,) = base["MutatingWebhookConfiguration", "midrank-injector"]["webhooks"]

    assert hook["namespaceSelector"]["matchExpressions"][0]["key"] == options.NAMESPACE_LABEL
    assert hook["objectSelector"]["matchExpressions"][0]["key"] == options.INJECT
    assert [one["expression"] for one in hook["matchConditions"]] == list(CONDITIONS)


def test_it_never_changes_its_own_pods(base, deployment):
    (hook,) = base["MutatingWebhookConfiguration", "midrank-injector"]["webhooks"]
    (excluded,) = (
        one["values"] for one in hook["namespaceSelector"]["matchExpressions"] if one["operator"] == "NotIn"
    )

    assert deployment["metadata"]["namespace"] in excluded
    assert {"kube-system", "kube-node-lease"} <= set(excluded)


def test_cert_manager_makes_the_certificate_that_is_mounted(deployment):
    manifests = rendered("cert-manager")
    certificate = manifests["Certificate", "midrank-injector"]["spec"]
    configuration = manifests["MutatingWebhookConfiguration", "midrank-injector"]
    service = configuration["webhooks"][0]["clientConfig"]["service"]
    volumes = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["volumes"]}

    assert volumes["certs"]["secret"]["secretName"] == certificate["secretName"]
    assert f"{service['name']}.{service['namespace']}.svc" in certificate["dnsNames"]
    assert configuration["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": "midrank-system/midrank-injector"
    }


@pytest.mark.parametrize(("component", "native"), [("sidecar", "true"), ("sidecar-legacy", "false")])
def test_injected_sidecars_are_like_those_of_the_kustomize_components(component, native):
    patch = yaml.safe_load((REPO / "deploy" / "components" / component / "patch.yaml").read_text())
    spec = patch["spec"]["template"]["spec"]
    (expected,) = spec.get("initContainers") or spec["containers"]
    asks = pod({"inject": "true", "policy": "midrank-policy", "port": "8001", "native-sidecar": native})

    made = patched(asks, injection(asks, WebhookSettings()).patch)

    container = next(one for one in (*made["spec"].get("initContainers", ()), *made["spec"]["containers"]))
    assert set(expected["args"]) <= set(container["args"])
    assert container["args"][:3] == expected["args"][:3]
    for key in expected.keys() - {"args", "env", "lifecycle", "volumeMounts"}:
        assert container[key] == expected[key], key
    assert {one["name"]: one for one in container["env"]} == {one["name"]: one for one in expected["env"]}
    assert all(mount in expected["volumeMounts"] for mount in container["volumeMounts"])
    volumes = {one["name"]: one for one in spec["volumes"]}
    assert [one for one in made["spec"]["volumes"] if volumes[one["name"]] != one] == []


def test_the_image_is_that_of_the_sidecars(deployment):
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert container["image"] == WebhookSettings().image


def test_every_annotation_and_setting_is_documented():
    page = (REPO / "docs" / "injector.md").read_text()

    for field in PodOptions.model_fields:
        assert f"| `{field.replace('_', '-')}` |" in page
    for field in WebhookSettings.model_fields:
        assert f"| `{field}` |" in page

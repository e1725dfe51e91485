"""What users of the chart say where the chart has something to say itself: nothing is given twice."""

from __future__ import annotations

import pytest

from tests.deploy.documents import Documents
from tests.deploy.helm import render
from tests.deploy.own_containers import served
from tests.deploy.shapes import injected, shape
from tests.deploy.values import SETS, over, value_set

pytestmark = pytest.mark.helm

INSTANCE = "app.kubernetes.io/instance"
LABELS = {
    "app.kubernetes.io/part-of": "search",
    "team": "search",
    INSTANCE: "mine",
    "midrank.dev/inject": "true",
}
ANNOTATIONS = {
    "kubectl.kubernetes.io/default-container": "other",
    "checksum/config": "x",
    "checksum/policy": "x",
}


@pytest.mark.parametrize("name", SETS)
def test_common_labels_come_before_the_charts_but_for_what_selectors_go_by(name):
    for document in render(over(value_set(name), {"commonLabels": LABELS})).documents:
        labels = document["metadata"].get("labels", {})
        if document["metadata"]["name"] == "midrank-note":
            continue  # an object of the user's
        assert labels["app.kubernetes.io/part-of"] == labels["team"] == "search"
        assert labels[INSTANCE] == "midrank"


@pytest.mark.parametrize(("name", "component"), [("gateway", "gateway"), ("injector", "injector")])
def test_so_do_labels_and_annotations_of_pods(name, component):
    values = over(
        value_set(name),
        {component: {"podLabels": LABELS, "podAnnotations": ANNOTATIONS}, "policy": {"rollOnChange": True}},
    )
    metadata = render(values).pod(f"midrank-{component}")["metadata"]

    assert metadata["labels"]["team"] == "search"
    assert metadata["labels"][INSTANCE] == "midrank"
    assert metadata["labels"]["midrank.dev/inject"] == "false"
    assert metadata["annotations"]["kubectl.kubernetes.io/default-container"] == "other"
    checksum = "checksum/policy" if component == "gateway" else "checksum/config"
    assert metadata["annotations"][checksum] != "x"


def test_labels_of_a_service_come_before_the_charts():
    values = over(value_set("gateway"), {"gateway": {"service": {"labels": LABELS}}})

    assert render(values).one("Service", "midrank-gateway")["metadata"]["labels"]["team"] == "search"


def test_a_variable_comes_in_place_of_the_charts():
    mine = {"name": "OTEL_SERVICE_NAME", "value": "search"}
    container = render(over(value_set("gateway"), {"gateway": {"extraEnv": [mine]}})).container()

    assert [one for one in container["env"] if one["name"] == "OTEL_SERVICE_NAME"] == [mine]
    assert len({one["name"] for one in container["env"]}) == len(container["env"])


@pytest.mark.parametrize("name", SETS)
def test_on_openshift_nobody_says_whom_a_pod_runs_as(name):
    documents = Documents(render(over(value_set(name), {"openshift": True})).documents)
    for pod in documents.pods:
        contexts = [pod.spec["securityContext"], *(one["securityContext"] for one in pod.containers)]
        assert [context.keys() & {"runAsUser", "runAsGroup", "fsGroup"} for context in contexts] == (
            [set()] * len(contexts)
        )
        assert pod.spec["securityContext"]["runAsNonRoot"] is True


def test_the_gateways_container_is_what_the_injector_adds_but_for_what_makes_it_a_gateway():
    (found,) = served(Documents(render(value_set("gateway")).documents))
    made = shape(found.container)

    assert made["startupProbe"]["httpGet"]["path"] == "/warm"
    assert made["drain"] == {"delay": 10, "seconds": 15}
    assert made["imagePullPolicy"] == "IfNotPresent"
    # The pod says the rest: whom it runs as, and its seccomp profile.
    context = {**found.pod.spec["securityContext"], **made["securityContext"]}
    assert context.pop("fsGroup") == 65532
    wanted = injected(native=False)
    assert context == wanted["securityContext"]
    for key in set(wanted) - {"startupProbe", "drain", "waits", "resources", "envFrom", "securityContext"}:
        assert made[key] == wanted[key], key

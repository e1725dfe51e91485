"""Every check finds the mistake that it is there for, and says nothing without one."""

from __future__ import annotations

import copy

import pytest
import yaml

from tests.deploy.documents import load
from tests.deploy.kustomized import needs_kubectl
from tests.deploy.manifests import problems
from tests.deploy.shipped import applied

pytestmark = needs_kubectl


@pytest.fixture
def documents():
    """Give what is shipped for the gateway, to be spoilt."""
    return copy.deepcopy(applied("overlays/gateway").all)


def spec(documents, kind):
    return next(one for one in documents if one["kind"] == kind)["spec"]


def pod(documents):
    return spec(documents, "Deployment")["template"]["spec"]


def midrank(documents):
    return pod(documents)["containers"][0]


def policy(documents, **changes):
    held = next(one for one in documents if one["kind"] == "ConfigMap")["data"]
    held["policy.yaml"] = yaml.safe_dump({**yaml.safe_load(held["policy.yaml"]), **changes})


def policy_name(documents):
    return next(one for one in documents if one["kind"] == "ConfigMap")["metadata"]["name"]


def without(documents, kind):
    documents[:] = [one for one in documents if one["kind"] != kind]


def store(**changes):
    return {"kind": "chroma", "listen": "0.0.0.0:8001", "upstream": "http://chroma:8000", **changes}


MISTAKES = {
    "no ConfigMap midrank-policy": lambda d: without(d, "ConfigMap"),
    "no ServiceAccount midrank": lambda d: without(d, "ServiceAccount"),
    "no PersistentVolumeClaim weights": lambda d: pod(d)["volumes"].append(
        {"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}
    ),
    "no Secret keys": lambda d: midrank(d)["envFrom"].append({"secretRef": {"name": "keys"}}),
    "has no key other": lambda d: midrank(d)["env"].append(
        {"name": "X", "valueFrom": {"configMapKeyRef": {"name": policy_name(d), "key": "other"}}}
    ),
    "its selector does not match": lambda d: spec(d, "Deployment")["selector"]["matchLabels"].update(a="b"),
    "Service/midrank: chooses no pod": lambda d: spec(d, "Service")["selector"].update(a="b"),
    "has no port nowhere": lambda d: spec(d, "Service")["ports"][0].update(targetPort="nowhere"),
    "no Deployment x": lambda d: spec(d, "HorizontalPodAutoscaler")["scaleTargetRef"].update(name="x"),
    "requests no cpu": lambda d: midrank(d)["resources"]["requests"].pop("cpu"),
    "sets replicas beside its autoscaler": lambda d: spec(d, "Deployment").update(replicas=3),
    "lets no pod go": lambda d: spec(d, "PodDisruptionBudget").update(maxUnavailable=0),
    "PodDisruptionBudget/midrank: chooses no pod": lambda d: spec(d, "PodDisruptionBudget")[
        "selector"
    ]["matchLabels"].update(a="b"),
    "has no port 9999": lambda d: spec(d, "NetworkPolicy")["ingress"][0]["ports"].append({"port": 9999}),
    "given twice": lambda d: d.append(d[0]),
    "spread by labels that its own pods lack": lambda d: pod(d)["topologySpreadConstraints"][0][
        "labelSelector"
    ]["matchLabels"].update(a="b"),
    "no such command: midrank serve": lambda d: midrank(d).update(args=["serve"]),
    "unrecognized arguments: --polic-y": lambda d: midrank(d)["args"].append("--polic-y"),
    "is killed after 20 s, but may take 30 s": lambda d: pod(d).update(terminationGracePeriodSeconds=20),
    "should be a URL like": lambda d: policy(d, stores=[store(upstream="chroma:8000")]),
    "${MIDRANK_SECRET} is not set": lambda d: policy(d, secret="${MIDRANK_SECRET}"),
    "is mounted by subPath": lambda d: midrank(d)["volumeMounts"][0].update(subPath="policy.yaml"),
    "nothing is mounted at /etc/midrank": lambda d: midrank(d)["volumeMounts"][0].update(mountPath="/etc"),
    "listens on 8002, which is none of its ports": lambda d: policy(d, stores=[store(listen="0.0.0.0:8002")]),
    "Service/midrank does not reach it": lambda d: policy(d, stores=[store(listen="127.0.0.1:8001")]),
    "this pod alone should reach it": lambda d: without(d, "Service"),
    "its admin port is 9902": lambda d: policy(d, admin="0.0.0.0:9902"),
    "where 127.0.0.1 is not reached": lambda d: policy(d, admin="127.0.0.1:9901"),
    "its livenessProbe asks /ready": lambda d: midrank(d)["livenessProbe"]["httpGet"].update(path="/ready"),
    "the image may have no sleep": lambda d: midrank(d).update(
        lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}}
    ),
    "no Service of http://collector:4318": lambda d: midrank(d)["env"].append(
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"}
    ),
    "Service midrank has no port 80": lambda d: midrank(d)["env"].append(
        {"name": "URL", "value": "http://midrank/"}
    ),
    "no container has port 8009": lambda d: midrank(d)["env"].append(
        {"name": "URL", "value": "http://127.0.0.1:8009"}
    ),
    "capabilities.drop": lambda d: midrank(d)["securityContext"].pop("capabilities"),
}  # fmt: skip


def test_what_is_right_has_no_problems(documents):
    assert problems(documents, {"Service/chroma"}) == []


@pytest.mark.parametrize("found", MISTAKES)
def test_a_mistake_is_found(documents, found):
    MISTAKES[found](documents)

    said = problems(documents, {"Service/chroma"})
    assert any(found in one for one in said), said


def test_what_the_cluster_has_already_need_not_be_here(documents):
    (said,) = problems(documents)

    assert said == "Deployment/midrank: midrank: chroma: no Service of http://chroma:8000"


def test_a_secret_that_is_here_gives_the_policy_its_variables(documents):
    policy(documents, secret="${MIDRANK_SECRET}")
    kept = {"MIDRANK_SECRET": "something that is long enough"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "midrank-secrets"},
        "stringData": kept,
    }

    assert problems([*documents, secret], {"Service/chroma"}) == []


def test_a_key_given_twice_is_a_mistake_of_the_file():
    with pytest.raises(yaml.YAMLError, match="given twice"):
        load("kind: A\nkind: B")

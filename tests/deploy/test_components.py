"""Components, as a user's own kustomization takes them in: beside workloads that midrank has never seen."""

from __future__ import annotations

import os

import pytest

from tests.deploy.documents import Documents, load
from tests.deploy.kustomized import DEPLOY, kustomized, needs_kubectl
from tests.deploy.manifests import problems
from tests.deploy.own_containers import served
from tests.deploy.shipped import SHIPPED, applied

pytestmark = needs_kubectl

WORKLOADS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: search, labels: {midrank.dev/sidecar: SHAPE}}
spec:
  serviceName: search
  selector: {matchLabels: {app: search}}
  template:
    metadata: {labels: {app: search}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      initContainers:
        - &container
          name: migrate
          image: registry.example/search:7
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      containers:
        - {<<: *container, name: app, volumeMounts: [{name: data, mountPath: /data}]}
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: untouched}
spec:
  selector: {matchLabels: {app: untouched}}
  template:
    metadata: {labels: {app: untouched}}
    spec: {containers: [{name: app, image: registry.example/other:1}]}
"""
POLICY = """
stores: [{kind: chroma, listen: 127.0.0.1:8001, upstream: "https://store.example"}]
secret: ${MIDRANK_SECRET:-not-much-of-a-secret}
admin: 0.0.0.0:9901
"""


@pytest.fixture
def own(tmp_path):
    """Give a function that renders a user's own kustomization with components of ours."""

    def render(shape, *components, more=""):
        tmp_path.joinpath("workloads.yaml").write_text(WORKLOADS.replace("SHAPE", shape))
        tmp_path.joinpath("policy.yaml").write_text(POLICY)
        folders = [os.path.relpath(DEPLOY / "components" / one, tmp_path.resolve()) for one in components]
        generator = "configMapGenerator: [{name: midrank-policy, files: [policy.yaml]}]"
        lines = ["resources: [workloads.yaml]", f"components: [{', '.join(folders)}]", more or generator]
        tmp_path.joinpath("kustomization.yaml").write_text("\n".join(lines))
        return Documents(kustomized(tmp_path.resolve()))

    return render


def pod(documents, name):
    return next(one for one in documents.pods if one.place.endswith(f"/{name}"))


def names(containers):
    return [one["name"] for one in containers]


def test_a_native_sidecar_comes_first_and_leaves_the_rest_as_it_was(own):
    documents = own("native", "sidecar")
    before, other = load(WORKLOADS)
    changed = dict(pod(documents, "search").spec)

    assert names(changed.pop("initContainers")) == ["midrank", "migrate"]
    assert changed.pop("volumes")[-1] == {"name": "data", "emptyDir": {}}
    untouched = before["spec"]["template"]["spec"]
    assert changed == {key: untouched[key] for key in changed}
    assert pod(documents, "untouched").template == other["spec"]["template"]
    assert problems([one for one in documents if one["metadata"]["name"] != "untouched"]) == []


def test_in_older_clusters_it_is_the_first_of_the_containers_that_stay(own):
    spec = pod(own("legacy", "sidecar-legacy"), "search").spec

    assert names(spec["containers"]) == ["midrank", "app"]
    assert names(spec["initContainers"]) == ["migrate"]


def test_each_component_leaves_the_other_shape_alone(own):
    assert names(pod(own("legacy", "sidecar"), "search").containers) == ["migrate", "app"]


def test_weights_are_copied_before_midrank_starts(own):
    spec = pod(own("native", "sidecar", "models-init"), "search").spec

    assert names(spec["initContainers"]) == ["midrank-models", "midrank", "migrate"]
    (models,) = [one for one in spec["volumes"] if one["name"] == "midrank-models"]
    assert models["emptyDir"]


@pytest.mark.parametrize(("component", "source"), [
    ("models-image", {"image": {"reference": "midrank-models:0.1.0", "pullPolicy": "IfNotPresent"}}),
    ("models-claim", {"persistentVolumeClaim": {"claimName": "midrank-models", "readOnly": True}}),
])  # fmt: skip
def test_weights_from_elsewhere_replace_the_empty_volume(own, component, source):
    spec = pod(own("native", "sidecar", component), "search").spec

    (models,) = [one for one in spec["volumes"] if one["name"] == "midrank-models"]
    assert models == {"name": "midrank-models", **source}


def test_a_changed_policy_is_a_rollout_or_is_taken_up_as_the_name_says(own):
    keep = "{name: midrank-policy, files: [policy.yaml], options: {disableNameSuffixHash: true}}"

    hashed = pod(own("native", "sidecar"), "search").spec["volumes"][0]["configMap"]["name"]
    assert hashed.startswith("midrank-policy-")
    (kept,) = own("native", "sidecar", more=f"configMapGenerator: [{keep}]").of_kind("ConfigMap")
    assert kept["metadata"]["name"] == "midrank-policy"


def test_with_requests_as_limits_the_sidecar_costs_no_pod_its_class(own):
    spec = pod(own("native", "sidecar", "guaranteed"), "search").spec

    resources = spec["initContainers"][0]["resources"]
    assert resources["requests"] == resources["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_threads_follow_what_is_requested():
    for shipped in SHIPPED:
        for one in served(applied(shipped.name)):
            (threads,) = [env for env in one.container["env"] if env["name"] == "MIDRANK_THREADS"]
            assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "requests.cpu"
            local = [model for model in one.policy.models.values() if model.kind == "late_interaction"]
            assert [model.threads for model in local] == [1]  # what stands for the request in these checks


@pytest.mark.parametrize(
    "folder", ["overlays/sidecar", "overlays/sidecar-legacy", "overlays/gateway", "injector/base"]
)
def test_on_openshift_nobody_says_whom_a_pod_runs_as(folder):
    for one in applied(f"{folder} + components/openshift").pods:
        contexts = [one.spec.get("securityContext", {})]
        contexts += [container["securityContext"] for container in one.containers]
        assert [context.keys() & {"runAsUser", "runAsGroup", "fsGroup"} for context in contexts] == (
            [set()] * len(contexts)
        )

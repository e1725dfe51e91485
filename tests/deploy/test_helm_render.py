"""What the chart makes, by real Helm, is what clusters of all versions take, and what midrank does."""

from __future__ import annotations

import pytest
import yaml

from proxy.policy_file import parse_policy
from tests.deploy.helm import NAMESPACE, helm, render
from tests.deploy.manifests import load, problems
from tests.deploy.schemas import VERSIONS, schema_mistakes
from tests.deploy.values import CHART, SETS, over, own_values, value_set

pytestmark = pytest.mark.helm

# Kinds of operators, which no Kubernetes knows by itself.
FOREIGN = ("monitoring.coreos.com/v1", "cert-manager.io/v1")
# What a cluster has already, by the set that speaks of it.
ELSEWHERE = {
    "gateway": {"Service/qdrant"},
    "gateway-everything": {
        "Service/qdrant",
        "Service/chroma",
        "Secret/rerankers",
        "Secret/registry",
        "Secret/otlp",
        "Service/otel-collector",
        "PriorityClass/system-cluster-critical",
    },
    "gateway-gpu": {"Service/qdrant", "PersistentVolumeClaim/midrank-models", "RuntimeClass/nvidia"},
    "gateway-models-copied": {"Service/chroma"},
    "gateway-models-prepared": {"Service/chroma"},
    "gateway-policy-elsewhere": {"Service/qdrant"},
    "injector-cert-manager": {"Secret/midrank-injector-tls"},
}
# What a set speaks of and the checks must see to judge: a policy that the chart can't read, and Secrets.
BESIDE = {
    "gateway-policy-elsewhere": """
apiVersion: v1
kind: ConfigMap
metadata: {name: search-policy, namespace: midrank-system}
data:
  policy.yaml: |
    stores: [{kind: qdrant, listen: "0.0.0.0:6433", upstream: "http://qdrant:6333"}]
    admin: 0.0.0.0:9901
""",
    "gateway-everything": """
apiVersion: v1
kind: Secret
metadata: {name: midrank, namespace: midrank-system}
stringData:
  secret: sixteen characters
  redis-url: redis://redis.example.com:6379/0
  rerank-key: one
  admin-key: another
""",
}


@pytest.mark.parametrize("name", [None, *SETS])
def test_lint_finds_nothing(name):
    found = helm.lint(CHART, value_set(name) if name else {}, strict=True)

    assert (found["messages"], found["errors"]) == ([], [])


@pytest.mark.parametrize("name", SETS)
def test_every_kubernetes_takes_it(name):
    for version in VERSIONS:
        for document in render(value_set(name), version).documents:
            if document["apiVersion"] not in FOREIGN:
                assert schema_mistakes(document, version) == [], (version, document["metadata"]["name"])


@pytest.mark.parametrize("version", ["1.25", "1.29", "1.37"])
@pytest.mark.parametrize("name", SETS)
def test_its_parts_fit_together(name, version):
    """Arguments, policies, ports, probes, grace periods, selectors, references: see `manifests`."""
    documents = render(value_set(name), version).documents

    assert problems([*documents, *load(BESIDE.get(name, ""))], ELSEWHERE.get(name, ())) == []


@pytest.mark.parametrize("name", SETS)
def test_everything_has_the_common_labels_and_a_name_of_its_own(name):
    rendered = render(value_set(name), name="search").documents

    for document in rendered:
        metadata = document["metadata"]
        if metadata["name"] == "search-note":
            continue  # an object of the user's
        assert metadata["labels"]["app.kubernetes.io/instance"] == "search"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
        assert metadata["name"].startswith("search-midrank")
    assert len({(one["kind"], one["metadata"]["name"]) for one in rendered}) == len(rendered)


def test_two_releases_in_one_namespace_do_not_get_into_each_others_way():
    one = render(value_set("gateway"), name="docs").documents
    other = render(value_set("gateway"), name="wiki").documents

    assert not {one["metadata"]["name"] for one in one} & {other["metadata"]["name"] for other in other}
    assert problems([*one, *other], {"Service/qdrant"}) == []


def test_a_release_of_the_longest_name_has_names_that_kubernetes_takes():
    for name in ("injector", "gateway-everything"):
        for document in render(value_set(name), name="r" * 53).documents:
            assert len(document["metadata"]["name"]) <= 63


def test_the_policy_is_mounted_as_it_was_written_with_what_a_pod_needs():
    rendered = render(value_set("gateway-everything"))
    text = rendered.one("ConfigMap", "midrank-policy")["data"]["policy.yaml"]
    written = value_set("gateway-everything")["policy"]["config"]
    mounted = yaml.safe_load(text)

    assert mounted.pop("admin") == {"api_key": "${ADMIN_KEY}", "listen": "0.0.0.0:9901"}
    assert mounted["models"]["default"].pop("threads") == "${MIDRANK_THREADS:-0}"
    assert mounted == {key: value for key, value in written.items() if key != "admin"}
    names = {"MIDRANK_SECRET": "s" * 16, "REDIS_URL": "redis://redis", "RERANK_KEY": "k", "ADMIN_KEY": "k"}
    policy = parse_policy(text, file="policy.yaml", environment=names)
    assert policy.rules[0].mode == "off"


def test_numbers_in_the_policy_stay_whole():
    """Helm holds every number as a float."""
    values = over(value_set("gateway"), {})
    values["policy"]["config"]["models"] = {"m": {"kind": "cross_encoder_onnx", "model": "x"}}
    values["policy"]["config"]["models"]["m"]["max_search_tokens"] = 1048576

    assert "max_search_tokens: 1048576\n" in render(values).one("ConfigMap")["data"]["policy.yaml"]


def test_ports_are_those_that_the_policy_listens_on():
    rendered = render(value_set("gateway-everything"))
    service = rendered.one("Service", "midrank-gateway")["spec"]

    assert rendered.container()["ports"] == [
        {"name": "midrank", "containerPort": 6433},
        {"name": "support-wiki-ar", "containerPort": 8001},
        {"name": "midrank-rerank", "containerPort": 9000},
        {"name": "feedback", "containerPort": 9001},
        {"name": "midrank-admin", "containerPort": 9901},
    ]
    assert [(port["port"], port["targetPort"]) for port in service["ports"]] == [
        (6333, "midrank"),  # the store's own port: the app's URL changes its host alone
        (8001, "support-wiki-ar"),
        (9000, "midrank-rerank"),
        (9001, "feedback"),
    ]


def test_the_grace_period_follows_the_drain():
    values = over(value_set("gateway"), {"gateway": {"drain": {"delaySeconds": 7.5, "seconds": 40}}})
    rendered = render(values)

    assert rendered.pod("midrank-gateway")["spec"]["terminationGracePeriodSeconds"] == 53
    assert "--drain-delay-seconds=7.5" in rendered.container()["args"]


def test_a_changed_policy_rolls_pods_only_where_asked():
    hot = [render(over(value_set("gateway"), budget(ms))).pod("midrank-gateway") for ms in (100, 200)]
    rolled = [
        render(over(value_set("gateway"), over(budget(ms), {"policy": {"rollOnChange": True}})))
        for ms in (100, 200)
    ]

    assert hot[0] == hot[1]
    assert rolled[0].pod("midrank-gateway") != rolled[1].pod("midrank-gateway")


def budget(milliseconds):
    return {"policy": {"config": {"rules": [{"budget_ms": milliseconds}]}}}


def test_with_a_gpu_it_is_the_image_with_torch_on_a_node_that_has_one():
    rendered = render(value_set("gateway-gpu"))

    assert rendered.container()["image"] == "midrank:0.1.0-gpu"
    assert rendered.container()["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": 1}
    assert rendered.pod("midrank-gateway")["spec"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert rendered.one("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


@pytest.mark.parametrize("version", VERSIONS[VERSIONS.index("1.31") :])
def test_weights_may_be_an_image_that_is_mounted(version):
    models = {"source": "image", "image": {"reference": "midrank-models:0.1.0"}}
    rendered = render(over(value_set("gateway"), {"models": models}), version)
    pod = rendered.pod("midrank-gateway")["spec"]

    assert [mistake for one in rendered.documents for mistake in schema_mistakes(one, version)] == []
    assert problems(rendered.documents, {"Service/qdrant"}) == []
    assert {"reference": "midrank-models:0.1.0", "pullPolicy": "IfNotPresent"} in (
        [volume.get("image") for volume in pod["volumes"]]
    )


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"tag": "1.2.3"}, "midrank:1.2.3"),
        ({"registry": "r.io", "repository": "a/b"}, "r.io/a/b:0.1.0"),
        ({"tag": "1.2.3", "digest": f"sha256:{'a' * 64}"}, f"midrank@sha256:{'a' * 64}"),
    ],
)
def test_images_are_named_by_registry_tag_or_digest(image, name):
    assert render(over(value_set("gateway"), {"image": image})).container()["image"] == name


def test_a_parents_registry_and_pull_secrets_come_first():
    shared = {"global": {"imageRegistry": "mirror.local", "imagePullSecrets": ["mirror"]}}
    rendered = render(over(value_set("gateway"), shared))

    assert rendered.container()["image"] == "mirror.local/midrank:0.1.0"
    assert rendered.pod("midrank-gateway")["spec"]["imagePullSecrets"] == [{"name": "mirror"}]


def test_metrics_are_scraped_where_they_are_and_with_the_key_they_want():
    rendered = render(value_set("gateway-everything"))
    (endpoint,) = rendered.one("ServiceMonitor")["spec"]["endpoints"]
    selector = rendered.one("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    admin = rendered.one("Service", "midrank-gateway-admin")

    assert selector.items() <= admin["metadata"]["labels"].items()
    assert not selector.items() <= rendered.one("Service", "midrank-gateway")["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in admin["spec"]["ports"]]
    assert endpoint["authorization"]["credentials"] == {"name": "midrank", "key": "admin-key"}


def test_alerts_are_those_of_the_project_less_the_ones_left_out():
    shipped = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())["groups"]
    names = [rule["alert"] for group in shipped for rule in group["rules"] if "alert" in rule]
    wanted = {
        "metrics": {"prometheusRule": {"enabled": True, "disabled": names[:1], "alertLabels": {"a": "b"}}}
    }
    groups = render(over(value_set("gateway"), wanted)).one("PrometheusRule")["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]

    assert [rule["alert"] for rule in rules] == names[1:]
    assert all(rule["labels"]["a"] == "b" for rule in rules)
    originals = {rule["alert"]: rule for group in shipped for rule in group["rules"] if "alert" in rule}
    assert all(rule["expr"] == originals[rule["alert"]]["expr"] for rule in rules)
    assert all(rule["annotations"] == originals[rule["alert"]]["annotations"] for rule in rules)


def test_dashboards_arrive_as_they_are():
    rendered = render(over(value_set("gateway"), {"metrics": {"dashboards": {"enabled": True}}}))
    boards = [one for one in rendered.documents if one["metadata"]["labels"].get("grafana_dashboard")]
    arrived = {name: text for one in boards for name, text in one["data"].items()}

    assert {name.removeprefix("midrank-"): text.strip() for name, text in arrived.items()} == {
        path.name: path.read_text().strip() for path in (CHART / "files" / "dashboards").iterdir()
    }


def test_nothing_is_installed_where_nothing_is_enabled_and_the_notes_say_so():
    rendered = render({"gateway": {"enabled": False}})

    assert rendered.documents == []
    assert "Nothing is installed" in rendered.notes


def test_the_notes_tell_where_to_connect_and_what_to_do_next():
    gateway = render(value_set("gateway-everything")).notes
    injector = render(value_set("injector")).notes

    assert f"http://midrank-gateway.{NAMESPACE}:6333" in gateway
    assert f"helm test midrank --namespace {NAMESPACE}" in gateway
    assert "kubectl label namespace NAMESPACE midrank.dev/injection=enabled" in injector


def test_values_are_not_written_into_manifests_as_go_prints_them():
    for name in SETS:
        for text in render(value_set(name)).manifests.values():
            assert "<no value>" not in text
            assert "%!" not in text
            assert "map[" not in text


def test_defaults_are_those_of_the_security_standard_restricted():
    values = own_values()
    for part in ("gateway", "injector", "sidecar"):
        assert values[part]["securityContext"]["readOnlyRootFilesystem"] is True
        assert values[part]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    for kind in ("ClusterRole", "Role", "RoleBinding", "ClusterRoleBinding"):
        assert kind not in render(value_set("injector")).kinds()

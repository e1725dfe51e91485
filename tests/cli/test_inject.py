"""`midrank inject`: manifests in, manifests out."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
import yaml

from proxy.cli import main
from proxy.injection.pod_checks import pod_mistakes
from tests.deploy.schemas import schema_mistakes
from tests.fakes.pods import pod

POLICY = ["--policy", "midrank-policy"]
DEPLOYMENT = """\
# The app.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: rag-app
  namespace: rag
  resourceVersion: "4711"
  managedFields: [{manager: kubectl, operation: Update}]
spec:
  selector: {matchLabels: {app: rag-app}}
  template:
    metadata:
      labels: {app: rag-app}
    spec:
      containers:
        - name: app
          image: rag-app:1
          env: [{name: CHROMA_URL, value: "http://chroma:8000"}]
      volumes:
        - {name: config, configMap: {name: config, defaultMode: 0644}}
status: {replicas: 1}
"""
WITHOUT_JSONPATCH = """
import sys
sys.modules["jsonpatch"] = None
from proxy.cli import main
main(["inject", "--policy", "x", "/dev/null"])
main(["webhook", "--cert", "x", "--key", "y"])
"""
SERVICE = """\
---
# Untouched.
apiVersion: v1
kind:   Service
metadata: {name: rag-app}
"""


@pytest.fixture
def inject(monkeypatch, capsys):
    """Return what runs the command: exit code, standard output and the lines of standard error."""

    def run(text, *arguments):
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        code = main(["inject", *arguments, "-"])
        told = capsys.readouterr()
        return code, told.out, told.err.splitlines()

    return run


def template_of(text):
    return yaml.safe_load(text)["spec"]["template"]


def workload(api, kind, spec):
    return yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, "spec": spec})


def test_a_deployment_gets_the_sidecar_and_nothing_else_changes(inject):
    code, out, err = inject(DEPLOYMENT, *POLICY)
    before, after = yaml.safe_load(DEPLOYMENT), yaml.safe_load(out)

    assert code == 0
    assert err == ["midrank: Deployment rag/rag-app: injected"]
    assert after["spec"]["template"]["spec"]["initContainers"][0]["name"] == "midrank"
    for key in ("metadata", "status"):
        assert after[key] == before[key]
    assert after["spec"]["template"]["spec"]["containers"] == before["spec"]["template"]["spec"]["containers"]
    assert out.startswith("# The app.\napiVersion: apps/v1\n")
    assert "defaultMode: 0644\n" in out


def test_a_second_run_changes_nothing(inject):
    _, once, _ = inject(DEPLOYMENT + SERVICE, *POLICY)
    code, twice, err = inject(once, *POLICY)

    assert twice == once
    assert (code, err) == (0, ["midrank: Deployment rag/rag-app: present"])


@pytest.mark.parametrize("native", ["true", "false"])
def test_removing_leaves_what_was_there(inject, native):
    flags = ["--store", "chroma", "--upstream", "http://chroma:8000", "--rewrite-env", "CHROMA_URL"]
    _, injected, _ = inject(DEPLOYMENT, *flags, "--native-sidecar", native)
    assert "http://127.0.0.1:8001" in injected

    code, removed, err = inject(injected, "--remove")

    assert yaml.safe_load(removed) == yaml.safe_load(DEPLOYMENT)
    assert (code, err) == (0, ["midrank: Deployment rag/rag-app: removed"])
    assert inject(removed, "--remove") == (0, removed, ["midrank: Deployment rag/rag-app: nothing to remove"])


def test_a_volume_that_others_mount_by_now_is_not_removed(inject):
    _, injected, _ = inject(DEPLOYMENT, *POLICY)
    mounted = yaml.safe_load(injected)
    (app,) = mounted["spec"]["template"]["spec"]["containers"]
    app["volumeMounts"] = [{"name": "midrank-tmp", "mountPath": "/t"}]

    template = template_of(inject(yaml.safe_dump(mounted), "--remove")[1])

    assert [one["name"] for one in template["spec"]["volumes"]] == ["config", "midrank-tmp"]
    assert pod_mistakes(template) == ()


def test_other_documents_come_out_byte_for_byte(inject):
    _, out, err = inject(SERVICE + DEPLOYMENT.replace("# The app.", "---") + SERVICE, *POLICY)

    assert out.startswith(SERVICE)
    assert out.endswith(SERVICE)
    assert len(err) == 1


def test_nothing_asked_is_nothing_changed(inject):
    assert inject(DEPLOYMENT + SERVICE) == (
        0,
        DEPLOYMENT + SERVICE,
        ["midrank: Deployment rag/rag-app: not asked"],
    )


def test_templates_ask_by_annotation_when_no_flag_says_what_to_run(inject):
    asks = "      annotations: {midrank.dev/inject: 'true', midrank.dev/policy: mine}\n    spec:"
    code, out, _ = inject(DEPLOYMENT.replace("    spec:", asks), "--image", "midrank:9")

    assert code == 0
    template = template_of(out)
    assert template["spec"]["initContainers"][0]["image"] == "midrank:9"
    assert {"name": "midrank-policy", "configMap": {"name": "mine"}} in template["spec"]["volumes"]


def test_annotations_go_before_flags_and_flags_before_settings(inject, tmp_path):
    settings = tmp_path / "webhook.yaml"
    settings.write_text("memory_limit: 2Gi\nlog_level: error\nadmin_port: 9000\n")
    annotated = DEPLOYMENT.replace(
        "    spec:", "      annotations: {midrank.dev/memory-limit: 4Gi}\n    spec:"
    )

    flags = ["--config", str(settings), "--memory-limit", "3Gi", "--log-level", "debug"]
    (made,) = template_of(inject(annotated, *POLICY, *flags)[1])["spec"]["initContainers"]

    assert made["resources"]["limits"]["memory"] == "4Gi"
    assert made["args"][made["args"].index("--log-level") + 1] == "debug"
    assert made["args"][made["args"].index("--admin") + 1] == "0.0.0.0:9000"


@pytest.mark.parametrize("where", ["annotations", "labels"])
def test_a_template_may_refuse(inject, where):
    refusing = yaml.safe_load(DEPLOYMENT)
    refusing["spec"]["template"]["metadata"][where] = {"midrank.dev/inject": "false"}
    text = yaml.safe_dump(refusing)

    assert inject(text, *POLICY) == (0, text, ["midrank: Deployment rag/rag-app: not asked"])


def test_who_can_have_none_is_told_and_the_rest_goes_on(inject):
    other = DEPLOYMENT.replace("    spec:", "    spec:\n      hostNetwork: true").replace("rag-app", "other")
    why = "it uses the host's network, where midrank's ports would be open to the node"
    code, out, err = inject(DEPLOYMENT + "---\n" + other, *POLICY)

    assert code == 1
    assert out.endswith("---\n" + other)
    assert err == [
        "midrank: Deployment rag/rag-app: injected",
        "midrank: Deployment rag/other: refused",
        f"midrank: Deployment rag/other: no sidecar: {why}",
    ]


def test_annotations_in_the_wrong_place_are_told(inject):
    text = DEPLOYMENT.replace(
        "  namespace: rag\n", "  namespace: rag\n  annotations: {midrank.dev/policy: x}\n"
    )

    assert inject(text, *POLICY)[2][1] == (
        "midrank: Deployment rag/rag-app: midrank.dev/policy: has no effect here, "
        "it belongs into spec.template.metadata"
    )


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
ONCE = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
SELECTOR = {"selector": {"matchLabels": {"a": "b"}}}


@pytest.mark.parametrize(
    ("api", "kind", "spec"),
    [
        ("v1", "ReplicationController", {"template": TEMPLATE}),
        ("apps/v1", "Deployment", {**SELECTOR, "template": TEMPLATE}),
        ("apps/v1", "StatefulSet", {**SELECTOR, "serviceName": "x", "template": TEMPLATE}),
        ("apps/v1", "DaemonSet", {**SELECTOR, "template": TEMPLATE}),
        ("apps/v1", "ReplicaSet", {**SELECTOR, "template": TEMPLATE}),
        ("batch/v1", "Job", {"template": ONCE}),
        ("batch/v1", "CronJob", {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": ONCE}}}),
        ("v1", "Pod", TEMPLATE["spec"]),
    ],
)
def test_every_kind_with_pods_gets_a_valid_sidecar(inject, api, kind, spec):
    code, out, err = inject(workload(api, kind, spec), *POLICY)

    assert (code, err) == (0, [f"midrank: {kind} x: injected"])
    assert schema_mistakes(yaml.safe_load(out), "1.33") == []
    assert yaml.safe_load(inject(out, "--remove")[1]) == yaml.safe_load(workload(api, kind, spec))


@pytest.mark.parametrize(
    "junk",
    [
        {"nodeSelector": {1: "x"}},
        {"containers": [{"name": "app", "image": "x", "env": 5}]},
        {"containers": [{"name": "app", "image": "x", "env": [5]}], "volumes": "x"},
        {"containers": 5},
        {"securityContext": [1]},
    ],
)
def test_junk_in_a_template_is_no_crash(inject, junk):
    spec = {**TEMPLATE["spec"], **junk}
    text = workload("apps/v1", "Deployment", {"template": {"spec": spec}})
    flags = ["--store", "chroma", "--upstream", "http://chroma:8000", "--rewrite-env", "URL"]

    code, out, _ = inject(text, *flags)

    assert (code, out) == (1, text)


def test_a_job_gets_no_plain_container(inject):
    text = workload("batch/v1", "Job", {"template": ONCE})
    code, out, err = inject(text, *POLICY, "--native-sidecar", "false")

    assert (code, out) == (1, text)
    assert "a Job would never end" in err[1]


@pytest.mark.parametrize(
    ("api", "kind"),
    [("example.com/v1", "Deployment"), ("v1", "Deployment"), ("apps/v1", "Pod"), ("v1", "Secret")],
)
def test_kinds_of_others_are_left_alone(inject, api, kind):
    text = workload(api, kind, {"template": TEMPLATE})

    assert inject(text, *POLICY) == (0, text, ["midrank: no workload found"])


def test_pods_of_another_kind_that_ask_are_told_of(inject):
    asks = {**TEMPLATE, "metadata": {"annotations": {"midrank.dev/inject": "true"}}}
    text = workload("argoproj.io/v1alpha1", "Rollout", {"template": asks})

    assert inject(text, *POLICY) == (
        0,
        text,
        [
            "midrank: Rollout x: left alone",
            "midrank: Rollout x: this kind is not known here: only the webhook can inject its pods",
        ],
    )


def test_the_claims_of_a_stateful_set_can_be_mounted(inject):
    mounts = [{"name": "data", "mountPath": "/data"}]
    template = {**TEMPLATE, "spec": {"containers": [{"name": "app", "image": "x", "volumeMounts": mounts}]}}
    text = workload("apps/v1", "StatefulSet", {**SELECTOR, "template": template})

    assert inject(text, *POLICY)[0] == 0


def test_a_list_of_kubectl_is_gone_through(inject):
    items = [yaml.safe_load(DEPLOYMENT), yaml.safe_load(SERVICE)]
    code, out, err = inject(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}), *POLICY)

    assert (code, len(err)) == (0, 1)
    made = yaml.safe_load(out)["items"]
    assert made[0]["spec"]["template"]["metadata"]["labels"]["midrank.dev/injected"] == "true"
    assert made[1] == items[1]


def test_a_list_of_one_kind_is_gone_through(inject):
    """Its items don't say what they are."""
    items = [{"metadata": {"name": name}, "spec": {"template": TEMPLATE}} for name in ("a", "b")]
    code, out, err = inject(
        yaml.safe_dump({"apiVersion": "apps/v1", "kind": "DeploymentList", "items": items}), *POLICY
    )

    assert (code, err) == (0, ["midrank: Deployment a: injected", "midrank: Deployment b: injected"])
    assert out.count("initContainers") == 2


ANCHORS = """\
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: one, labels: &labels {app: x}}
    spec:
      selector: {matchLabels: *labels}
      template:
        metadata: {labels: *labels}
        spec:
          containers: &containers
            - {name: app, image: a, env: [{name: URL, value: "http://chroma:8000"}]}
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: two}
    spec:
      template:
        metadata: {labels: {app: y}, annotations: {midrank.dev/inject: "false"}}
        spec: {containers: *containers}
"""


@pytest.mark.parametrize("native", ["true", "false"])
def test_what_shares_an_anchor_with_a_template_stays_as_it_is(inject, native):
    flags = ["--store", "chroma", "--upstream", "http://chroma:8000", "--rewrite-env", "URL"]
    code, out, _ = inject(ANCHORS, *flags, "--native-sidecar", native)
    before, after = yaml.safe_load(ANCHORS)["items"], yaml.safe_load(out)["items"]

    assert code == 0
    assert "127.0.0.1" in out
    assert after[0]["metadata"] == before[0]["metadata"]
    assert after[0]["spec"]["selector"] == before[0]["spec"]["selector"]
    assert after[1] == before[1]


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}])
def test_a_template_without_metadata_gets_some(inject, metadata):
    text = workload("apps/v1", "Deployment", {"template": {**metadata, "spec": TEMPLATE["spec"]}})

    out = inject(text, *POLICY)[1]

    assert template_of(out)["metadata"]["labels"] == {"midrank.dev/injected": "true"}
    assert template_of(inject(out, "--remove")[1]) == {"spec": TEMPLATE["spec"]}


def test_json_goes_in_and_out(inject):
    text = json.dumps(pod())
    code, out, _ = inject(text, *POLICY)

    assert code == 0
    assert json.loads(out)["spec"]["initContainers"][0]["name"] == "midrank"
    assert inject(out, *POLICY)[1] == out
    assert json.loads(inject(out, "--remove")[1]) == pod()


def test_what_is_too_much_for_one_workload_is_not_for_the_others(inject):
    """An integer of more than 64 bits is no number of Kubernetes', but of whoever wrote it."""
    odd = pod(terminationGracePeriodSeconds=2**70)
    code, out, err = inject(json.dumps({"apiVersion": "v1", "kind": "List", "items": [odd, pod()]}), *POLICY)

    assert (code, len(err)) == (1, 3)
    assert err[1].endswith("no sidecar: a mistake of midrank's own, TypeError")
    first, second = json.loads(out)["items"]
    assert first == odd
    assert "initContainers" in second["spec"]


@pytest.mark.parametrize("kind", [{"ports": [{"name": ["x"]}]}, {"volumeMounts": [{"name": {}}]}])
def test_a_name_that_is_none_is_no_crash(inject, kind):
    probe = {"httpGet": {"path": "/", "port": "x"}}
    spec = {"containers": [{"name": "app", "image": "x", "livenessProbe": probe, **kind}]}
    code, out, _ = inject(workload("v1", "Pod", spec), *POLICY)

    assert code == 0
    assert yaml.safe_load(inject(out, "--remove")[1])["spec"] == spec


def test_the_other_format_can_be_asked_for(inject):
    from_yaml = json.loads(inject(DEPLOYMENT + SERVICE, *POLICY, "--output", "json")[1])
    from_json = inject(json.dumps(pod()), *POLICY, "--output", "yaml")[1]

    assert [one["kind"] for one in from_yaml["items"]] == ["Deployment", "Service"]
    assert from_yaml["items"][0]["spec"]["template"]["spec"]["volumes"][0]["configMap"]["defaultMode"] == 420
    assert yaml.safe_load(from_json)["spec"]["initContainers"][0]["name"] == "midrank"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "---\n---\n",
        "[1, 2]\n",
        "text\n",
        "apiVersion: [v1]\nkind: {}\n",
        "kind: Deployment\napiVersion: apps/v1\nspec: 1\n",
    ],
)
def test_what_holds_no_workload_comes_out_as_it_came_in(inject, text):
    assert inject(text, *POLICY) == (0, text, ["midrank: no workload found"])


def test_a_status_that_says_nothing_removes_the_container_alone(inject):
    _, injected, _ = inject(DEPLOYMENT, *POLICY)
    spoilt = yaml.safe_load(injected)
    spoilt["spec"]["template"]["metadata"]["annotations"]["midrank.dev/status"] = "{"

    template = template_of(inject(yaml.safe_dump(spoilt), "--remove")[1])

    assert "initContainers" not in template["spec"]
    assert len(template["spec"]["volumes"]) == 3


def test_without_its_extra_it_says_what_to_install():
    command = [sys.executable, "-c", WITHOUT_JSONPATCH]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert told.stderr.splitlines() == [
        f'midrank: (command line): {command}: no module jsonpatch - pip install "midrank[kubernetes]"'
        for command in ("inject", "webhook")
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "0"], "(command line): --port: '0' - should be greater than or equal to 1"),
        (
            ["--image", "a b"],
            "(command line): --image: 'a b' - should be a name or image as Kubernetes takes it",
        ),
        (
            ["--store", "chroma", "--upstream", "http://user:hunter2@chroma"],
            "(command line): --upstream: not usable - should be a URL like http://qdrant:6333",
        ),
        (["--config", "/none.yaml"], "/none.yaml: (file): No such file or directory - a readable file"),
    ],
)
def test_a_wrong_command_line_writes_nothing(inject, arguments, expected):
    assert inject(DEPLOYMENT, *arguments) == (2, "", [f"midrank: {expected}"])


def test_lines_end_as_they_did(tmp_path, capsys):
    path = tmp_path / "app.yaml"
    path.write_bytes(SERVICE.replace("\n", "\r\n").encode())

    assert main(["inject", *POLICY, str(path)]) == 0
    assert capsys.readouterr().out == SERVICE.replace("\n", "\r\n")
    path.write_bytes((DEPLOYMENT + SERVICE).replace("\n", "\r\n").encode())
    assert main(["inject", *POLICY, str(path)]) == 0
    out = capsys.readouterr().out
    assert "midrank-policy" in out
    assert out.count("\n") == out.count("\r\n")


def test_what_is_not_text_is_told(tmp_path, capsys):
    path = tmp_path / "app.yaml"
    path.write_bytes(b"a: \xff\n")

    assert main(["inject", *POLICY, str(path)]) == 2
    assert capsys.readouterr().err == f"midrank: {path}: (file): byte 3 is no UTF-8 - UTF-8\n"


def test_keys_keep_their_order(inject):
    text = yaml.safe_dump(pod(), sort_keys=False)

    assert list(yaml.safe_load(inject(text, *POLICY)[1])) == list(pod())


def test_what_is_not_yaml_writes_nothing(inject):
    assert inject("a: [", *POLICY) == (
        2, "", ["midrank: (standard input):2: (yaml): did not find expected node content - valid YAML"],
    )  # fmt: skip


def test_a_file_can_be_named(tmp_path, capsys):
    path = tmp_path / "app.yaml"
    path.write_text(DEPLOYMENT)

    assert main(["inject", *POLICY, str(path)]) == 0
    assert "midrank.dev/injected" in capsys.readouterr().out
    assert main(["inject", *POLICY, str(tmp_path / "none.yaml")]) == 2

from __future__ import annotations

import argparse
import copy
import json

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli import commands
from proxy.injection.injector import Outcome, injection, patched
from proxy.injection.pod_checks import pod_mistakes
from proxy.injection.pod_security import restricted_mistakes
from proxy.injection.settings import PodOptions, WebhookSettings
from tests.fakes.pods import pod, recorded

ASKS = {"inject": "true", "store": "chroma", "upstream": "http://chroma:8000"}
WITH_POLICY = {"inject": "true", "policy": "midrank"}


def injected(made, settings=None):
    """Return the pod with its sidecar, which it must get."""
    decision = injection(made, settings or WebhookSettings())
    assert decision.outcome is Outcome.INJECTED, decision.notes
    return patched(made, decision.patch)


def sidecar(made):
    return next(
        one
        for one in (*made["spec"].get("initContainers", ()), *made["spec"]["containers"])
        if one["name"] == "midrank"
    )


def reasons(made, settings=None):
    """Return why a pod that asks gets no sidecar."""
    decision = injection(made, settings or WebhookSettings())
    assert decision.outcome is Outcome.REFUSED
    assert decision.patch == ()
    return [note.removeprefix("no sidecar: ") for note in decision.notes]


def parsed(command):
    """Return what a command line of the sidecar says, as `midrank` itself reads it."""
    name, *rest = command
    parser = argparse.ArgumentParser(exit_on_error=False)
    commands.COMMANDS[name].add_arguments(parser)
    return parser.parse_args(rest)


def test_the_recorded_pod_gets_a_sidecar_that_starts_first():
    made = injected(pod(ASKS))

    assert [one["name"] for one in made["spec"]["initContainers"]] == ["midrank"]
    assert made["spec"]["initContainers"][0]["restartPolicy"] == "Always"
    assert json.loads(made["metadata"]["annotations"]["midrank.dev/status"]) == {
        "version": "0.1.0",
        "shape": "native",
        "volumes": ["midrank-tmp"],
    }
    assert made["metadata"]["labels"] == {"app": "x", "midrank.dev/injected": "true"}
    assert restricted_mistakes(made) == ()


def test_what_the_sidecar_runs_is_a_command_of_midrank():
    arguments = parsed(sidecar(injected(pod({**ASKS, "port": "9000", "drain-seconds": "7.5"})))["args"])

    assert (arguments.store, arguments.upstream, arguments.listen) == (
        "chroma",
        "http://chroma:8000",
        "127.0.0.1:9000",
    )
    assert (arguments.admin, arguments.drain_seconds) == ("0.0.0.0:9901", 7.5)


def test_a_policy_is_mounted_as_a_directory_which_changes_when_it_does():
    made = injected(pod({**WITH_POLICY, "models-claim": "weights"}))

    assert str(parsed(sidecar(made)["args"]).policy) == "/etc/midrank/policy.yaml"
    assert made["spec"]["volumes"] == [
        {"name": "midrank-policy", "configMap": {"name": "midrank"}},
        {"name": "midrank-tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "midrank-models", "persistentVolumeClaim": {"claimName": "weights", "readOnly": True}},
    ]
    mounts = sidecar(made)["volumeMounts"]
    assert [(one["name"], one["mountPath"]) for one in mounts if "subPath" not in one] == [
        ("midrank-policy", "/etc/midrank"),
        ("midrank-tmp", "/tmp"),
        ("midrank-models", "/models"),
    ]


def test_a_secret_that_is_named_must_be_there_and_the_usual_one_may():
    usual, named = sidecar(injected(pod(ASKS))), sidecar(injected(pod({**ASKS, "secret": "keys"})))

    assert usual["envFrom"][1] == {"secretRef": {"name": "midrank-secrets", "optional": True}}
    assert named["envFrom"][1] == {"secretRef": {"name": "keys"}}


def test_a_plain_container_starts_first_holds_back_the_app_and_accepts_while_it_drains():
    made = injected(pod({**ASKS, "native-sidecar": "false"}))

    (one, app) = made["spec"]["containers"]
    assert (one["name"], app["name"]) == ("midrank", "app")
    assert "restartPolicy" not in one
    assert parsed(one["args"]).drain_delay_seconds == 20
    waits = parsed(one["lifecycle"]["postStart"]["exec"]["command"][1:])
    assert (waits.admin, waits.wait) == ("0.0.0.0:9901", 60)


def test_it_is_asked_at_the_address_that_it_listens_on():
    """On IPv6 alone nothing is at 127.0.0.1, and a hook that fails ends the container."""
    one = sidecar(injected(pod({**ASKS, "native-sidecar": "false"}), WebhookSettings(admin_host="[::]")))

    command = one["lifecycle"]["postStart"]["exec"]["command"][1:]
    assert parsed(command).admin == parsed(one["args"]).admin == "[::]:9901"


def test_the_cluster_may_say_whom_it_runs_as():
    """OpenShift gives every namespace a range of its own, and refuses pods that name another."""
    usual = sidecar(injected(pod(ASKS)))["securityContext"]
    theirs = sidecar(injected(pod(ASKS), WebhookSettings(run_as_user=None)))["securityContext"]

    assert (usual["runAsUser"], usual["runAsGroup"]) == (65532, 65532)
    assert theirs.keys() == usual.keys() - {"runAsUser", "runAsGroup"}
    assert theirs["runAsNonRoot"] is True


def test_a_plain_container_accepts_no_longer_than_the_pod_has():
    made = injected(pod({**ASKS, "native-sidecar": "false"}, terminationGracePeriodSeconds=12))

    assert parsed(sidecar(made)["args"]).drain_delay_seconds == 2


def test_settings_are_defaults_and_annotations_have_the_last_word():
    settings = WebhookSettings(
        image="registry/midrank:1",
        image_pull_policy="Always",
        memory_limit="2Gi",
        native_sidecar=False,
        env={"OTEL_X": "1"},
        admin_host="[::]",
    )
    made = sidecar(
        injected(pod({**ASKS, "memory-limit": "3Gi", "native-sidecar": "true", "admin-port": "9"}), settings)
    )

    assert (made["image"], made["imagePullPolicy"]) == ("registry/midrank:1", "Always")
    assert made["resources"]["limits"] == {"memory": "3Gi"}
    assert made["restartPolicy"] == "Always"
    assert {"name": "OTEL_X", "value": "1"} in made["env"]
    assert parsed(made["args"]).admin == "[::]:9"


def test_auto_is_what_the_settings_say():
    made = pod({**ASKS, "native-sidecar": "auto"})

    assert "restartPolicy" not in sidecar(injected(made, WebhookSettings(native_sidecar=False)))
    assert "restartPolicy" in sidecar(injected(made, WebhookSettings(native_sidecar=True)))


@pytest.mark.parametrize(
    ("annotations", "resources"),
    [
        (
            {"cpu-limit": "200m"},
            {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"cpu": "200m", "memory": "1Gi"}},
        ),
        (
            {"memory-request": "2Gi"},
            {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
        ),
    ],
)
def test_a_default_gives_way_to_a_request_or_limit_that_contradicts_it(annotations, resources):
    assert sidecar(injected(pod({**ASKS, **annotations})))["resources"] == resources


def test_other_options_have_no_such_word():
    made = injected(pod({"inject": "true", "policy": "auto"}))

    assert made["spec"]["volumes"][0] == {"name": "midrank-policy", "configMap": {"name": "auto"}}


def test_without_the_pods_wish_nothing_happens():
    assert injection(pod(), WebhookSettings()).outcome is Outcome.NOT_ASKED
    assert injection(pod({"inject": "false", "policy": "x"}), WebhookSettings()).notes == ()


def test_options_without_the_wish_are_told():
    decision = injection(pod({"policy": "x"}), WebhookSettings())

    assert decision.outcome is Outcome.NOT_ASKED
    assert decision.notes == ('midrank.dev/inject is not "true": no sidecar',)


def test_a_label_is_a_wish_too():
    made = pod({"policy": "x"})
    made["metadata"]["labels"]["midrank.dev/inject"] = "true"

    assert injection(made, WebhookSettings()).outcome is Outcome.INJECTED


def test_an_unknown_annotation_is_told_and_does_no_harm():
    decision = injection(pod({**ASKS, "cpu-limits": "1"}), WebhookSettings())

    assert decision.outcome is Outcome.INJECTED
    assert decision.notes == ("midrank.dev/cpu-limits: unknown, did you mean midrank.dev/cpu-limit?",)


def test_who_makes_up_many_annotations_is_told_of_some():
    """Each is compared with all that there are; a pod has room for tens of thousands."""
    many = {f"upst{number:x}": "" for number in range(5000)}
    long = {"cpu-limit" * 10: ""}

    assert len(injection(pod({**ASKS, **many}), WebhookSettings()).notes) == 8
    (told,) = injection(pod({**ASKS, **long}), WebhookSettings()).notes
    assert told.endswith(": unknown")


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, "midrank.dev/policy, or midrank.dev/store and midrank.dev/upstream, should be given"),
        (
            {"store": "chroma"},
            "midrank.dev/policy, or midrank.dev/store and midrank.dev/upstream, should be given",
        ),
        (
            {**ASKS, "policy": "x"},
            "midrank.dev/policy stands instead of midrank.dev/store and midrank.dev/upstream",
        ),
        ({"policy": "Not_A_Name"}, "midrank.dev/policy: should be a name or image as Kubernetes takes it"),
        ({**ASKS, "store": "redis"}, "midrank.dev/store: should be 'chroma' or 'qdrant'"),
        (
            {**ASKS, "upstream": "chroma:8000"},
            "midrank.dev/upstream: should be a URL like http://qdrant:6333",
        ),
        (
            {**ASKS, "upstream": "http://$(HOST):1"},
            "midrank.dev/upstream: should be a URL like http://qdrant:6333",
        ),
        (
            {**ASKS, "upstream": "http://u:p@h:1"},
            "midrank.dev/upstream: should be a URL like http://qdrant:6333",
        ),
        (
            {**ASKS, "upstream": "http://h:99999"},
            "midrank.dev/upstream: should be a URL like http://qdrant:6333",
        ),
        ({**ASKS, "port": "0"}, "midrank.dev/port: should be greater than or equal to 1"),
        ({**ASKS, "port": "9901"}, "midrank.dev/port: not 9901, where the probes ask"),
        ({**ASKS, "cpu-request": "0"}, "midrank.dev/cpu-request: should be a quantity such as 500m or 1Gi"),
        (
            {**ASKS, "cpu-request": "2", "cpu-limit": "1"},
            "midrank.dev/cpu-request: at most midrank.dev/cpu-limit",
        ),
        ({**ASKS, "native-sidecar": "yes"}, "midrank.dev/native-sidecar: should be a valid boolean"),
        ({**ASKS, "drain-seconds": "inf"}, "midrank.dev/drain-seconds: should be a finite number"),
        ({**ASKS, "image": "other:1"}, "midrank.dev/image: not one that this cluster allows"),
        ({**ASKS, "inject": "yes"}, 'midrank.dev/inject: should be "true" or "false"'),
        (
            {**ASKS, "rewrite-env": "A B"},
            "midrank.dev/rewrite-env: should be a name or image as Kubernetes takes it",
        ),
        ({**ASKS, "rewrite-env": ",".join("A" * 33)}, "midrank.dev/rewrite-env: should be at most 32 names"),
        ({**ASKS, "rewrite-env": "MISSING"}, "midrank.dev/rewrite-env: no container has MISSING"),
        (
            {**WITH_POLICY, "rewrite-env": "A"},
            "midrank.dev/port is needed by midrank.dev/rewrite-env, with midrank.dev/policy",
        ),
    ],
)
def test_a_wrong_annotation_is_told_and_the_pod_left_alone(annotations, expected):
    assert reasons(pod({"inject": "true", **annotations})) == [expected]


def test_a_password_is_not_told():
    (reason,) = reasons(pod({**ASKS, "upstream": "http://user:hunter2@store:1"}))

    assert "hunter2" not in reason


def test_images_and_stores_may_be_confined():
    settings = WebhookSettings(images=("registry/midrank:*",), upstreams=("http://*.stores.svc:8000",))
    asks = {**ASKS, "upstream": "http://chroma.stores.svc:8000", "image": "registry/midrank:2"}

    assert sidecar(injected(pod(asks), settings))["image"] == "registry/midrank:2"
    for image in ("registry/midrank", "evil/registry/midrank:1", "registry/midrank:1/x"):
        assert reasons(pod({**asks, "image": image}), settings) == [
            "midrank.dev/image: not one that this cluster allows"
        ]
    for upstream in (
        "https://chroma.stores.svc:8000",
        "http://chroma.stores.svc:8001",
        "http://evil.com/.stores.svc:8000",
        "http://evil.com:8000/a.stores.svc:8000",
        "http://stores.svc:8000",
    ):
        (reason,) = reasons(pod({**asks, "upstream": upstream}), settings)
        assert reason.startswith("midrank.dev/upstream: ")


def container(**keys):
    return {"name": "other", "image": "x", **keys}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"hostNetwork": True},
            "it uses the host's network, where midrank's ports would be open to the node",
        ),
        ({"os": {"name": "windows"}}, "it does not run on Linux"),
        ({"nodeSelector": {"kubernetes.io/os": "windows"}}, "it does not run on Linux"),
        ({"securityContext": {"windowsOptions": {"runAsUserName": "x"}}}, "it does not run on Linux"),
        (
            {"containers": [container(securityContext={"windowsOptions": {}})]},
            "it does not run on Linux",
        ),
        (
            {"resources": {"limits": {"cpu": "1"}}},
            "it has resources for the pod as a whole, in which no sidecar is counted",
        ),
        ({"containers": [container(ports=[{"containerPort": 8001}])]}, "port 8001 is another container's"),
        (
            {
                "initContainers": [container(restartPolicy="Always", ports=[{"containerPort": 9901}])],
                "containers": [container()],
            },
            "port 9901 is another container's",
        ),
        ({"volumes": [{"name": "midrank-tmp", "emptyDir": {}}]}, "there is a volume midrank-tmp already"),
        (
            {"containers": [container(name="midrank")]},
            "there is a container midrank that no injection has made",
        ),
        (
            {"initContainers": [container(name="midrank")]},
            "there is a container midrank that no injection has made",
        ),
        ({"containers": []}, "this is not a pod that midrank understands"),
        ({"containers": "app"}, "this is not a pod that midrank understands"),
        ({"volumes": {}}, "this is not a pod that midrank understands"),
        ({"initContainers": [1]}, "this is not a pod that midrank understands"),
    ],
)
def test_a_pod_that_can_have_none_is_left_alone(spec, expected):
    assert reasons(pod(ASKS, **spec)) == [expected]


def test_a_mirror_pod_is_left_alone():
    made = pod(ASKS)
    made["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "x"

    assert reasons(made) == ["it mirrors a static pod, which the kubelet reads from a file"]


def test_a_pod_that_only_claims_to_have_one_is_left_alone():
    made = pod(ASKS)
    made["metadata"]["annotations"]["midrank.dev/status"] = "{}"

    (reason,) = reasons(made)
    assert reason.startswith("it has midrank.dev/status or midrank.dev/injected")


def test_a_job_gets_a_native_sidecar_alone():
    assert injection(pod(ASKS, restartPolicy="Never"), WebhookSettings()).outcome is Outcome.INJECTED
    (reason,) = reasons(pod({**ASKS, "native-sidecar": "false"}, restartPolicy="Never"))
    assert "a Job would never end" in reason


def test_too_little_time_to_end_is_told():
    decision = injection(pod({**ASKS, "drain-seconds": "28"}), WebhookSettings())

    assert decision.outcome is Outcome.INJECTED
    assert decision.notes == ("terminationGracePeriodSeconds 30 is less than the 33 s that midrank may need",)


GUARANTEED = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}
EQUAL = {"cpu-request": "1", "cpu-limit": "1", "memory-request": "1Gi", "memory-limit": "1Gi"}


@pytest.mark.parametrize(("annotations", "told"), [({}, 1), (EQUAL, 0)])
def test_a_pod_that_loses_its_class_of_service_is_told(annotations, told):
    made = pod({**ASKS, **annotations}, containers=[container(resources=GUARANTEED)])
    burstable = pod({**ASKS, **annotations}, containers=[container(resources={"limits": {"cpu": "1"}})])

    assert len(injection(made, WebhookSettings()).notes) == told
    assert injection(burstable, WebhookSettings()).notes == ()


def test_the_apps_variables_are_pointed_at_midrank_where_they_are_listed():
    asks = {**ASKS, "rewrite-env": "CHROMA_URL, OTHER_URL"}
    env = [
        {"name": "CHROMA_URL", "value": "http://chroma:8000/base"},
        {"name": "KEPT", "value": "http://chroma:8000"},
        {"name": "OTHER_URL", "value": "http://CHROMA:8000"},
    ]
    made = injected(pod(asks, containers=[container(env=env)]))

    assert [one["value"] for one in made["spec"]["containers"][0]["env"]] == [
        "http://127.0.0.1:8001/base",
        "http://chroma:8000",
        "http://127.0.0.1:8001",
    ]
    assert json.loads(made["metadata"]["annotations"]["midrank.dev/status"])["rewritten"] == {
        "other/CHROMA_URL": "http://chroma:8000/base",
        "other/OTHER_URL": "http://CHROMA:8000",
    }


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"value": "http://qdrant:6333"}, "STORE is not the URL of midrank.dev/upstream"),
        (
            {"value": "http://u:p@chroma:8000"},
            "STORE should be an http URL that stands in the pod, without a password",
        ),
        (
            {"value": "http://$(HOST):8000"},
            "STORE should be an http URL that stands in the pod, without a password",
        ),
        ({"value": "chroma"}, "STORE should be an http URL that stands in the pod, without a password"),
        (
            {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            "STORE should be an http URL that stands in the pod, without a password",
        ),
    ],
)
def test_a_variable_that_is_not_certainly_the_stores_url_is_left_alone(variable, expected):
    made = pod({**ASKS, "rewrite-env": "STORE"}, containers=[container(env=[{"name": "STORE", **variable}])])

    assert reasons(made) == [f"midrank.dev/rewrite-env: {expected}"]


def test_a_variable_that_a_container_has_twice_is_left_alone():
    env = [{"name": "STORE", "value": "http://chroma:8000"}] * 2
    made = pod({**ASKS, "rewrite-env": "STORE"}, containers=[container(env=env)])

    assert reasons(made) == ["midrank.dev/rewrite-env: other has STORE twice"]


ISTIO = container(
    name="istio-proxy", restartPolicy="Always", ports=[{"containerPort": 15090, "name": "http-envoy-prom"}]
)
LINKERD = [
    container(name="linkerd-init", securityContext={"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}),
    container(
        name="linkerd-proxy", restartPolicy="Always", ports=[{"containerPort": 4143, "name": "linkerd-proxy"}]
    ),
]


@pytest.mark.parametrize("others", [[ISTIO], LINKERD, [*LINKERD, ISTIO]])
def test_it_stands_before_the_containers_of_meshes(others):
    made = injected(pod(ASKS, initContainers=others))

    assert made["spec"]["initContainers"][1:] == others


def test_a_bare_pod_gets_what_it_lacks():
    bare = {
        "metadata": {"annotations": pod(ASKS)["metadata"]["annotations"]},
        "spec": {"containers": [container()]},
    }
    made = injected(bare)

    assert made["spec"].keys() == {"containers", "initContainers", "volumes"}
    assert pod_mistakes(made) == ()


@pytest.mark.parametrize("empty", [None, []])
def test_what_is_there_and_empty_is_filled(empty):
    made = injected(pod(ASKS, initContainers=empty, volumes=empty))

    assert len(made["spec"]["initContainers"]) == len(made["spec"]["volumes"]) == 1


def test_mistakes_that_the_pod_had_before_are_not_ours_to_judge():
    made = pod(ASKS)
    made["spec"]["containers"][0]["resources"] = {"limits": {"memory": "1 GB"}}

    assert injection(made, WebhookSettings()).outcome is Outcome.INJECTED


def test_a_recorded_pod_that_has_been_injected_has_its_sidecar():
    made = recorded("reinvocation")["request"]["object"]

    assert injection(made, WebhookSettings(), asked=True).outcome is Outcome.PRESENT


def test_a_patch_that_would_make_a_pod_invalid_is_not_given_away():
    made = pod(ASKS)
    made["metadata"]["annotations"]["large"] = "x" * (256 * 1024 - 150)

    decision = injection(made, WebhookSettings())

    assert pod_mistakes(made) == ()
    assert decision.outcome is Outcome.FAILED
    assert decision.patch == ()
    assert decision.notes == ("no sidecar: annotations: 256 KiB in all",)


def test_a_patch_that_could_not_be_taken_back_is_not_given_away():
    """The pod is not valid as it is, and would be with our volume: that is not ours to mend."""
    made = pod(ASKS)
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "midrank-tmp", "mountPath": "/x"}]

    decision = injection(made, WebhookSettings())

    assert decision.outcome is Outcome.FAILED
    assert decision.notes == ("no sidecar: the patch would change more than it should",)


NAMES = st.sampled_from(["app", "proxy", "midrank", "istio-proxy", "db"])
PORTS = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([80, 8001, 6433, 9901])},
    optional={"name": st.sampled_from(["http", "midrank"]), "protocol": st.sampled_from(["TCP", "UDP"])},
)
CONTAINERS = st.fixed_dictionaries(
    {"name": NAMES, "image": st.just("x")},
    optional={
        "ports": st.lists(PORTS, max_size=2),
        "env": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["URL", "OTHER"])},
                optional={"value": st.sampled_from(["http://chroma:8000/a", "http://x", "text", ""])},
            ),
            max_size=2,
        ),
        "restartPolicy": st.just("Always"),
        "volumeMounts": st.just([{"name": "data", "mountPath": "/data"}]),
    },
)
ANNOTATIONS = st.fixed_dictionaries(
    {"midrank.dev/inject": st.sampled_from(["true", "true", "true", "false"])},
    optional={
        "midrank.dev/policy": st.just("midrank"),
        "midrank.dev/store": st.sampled_from(["chroma", "qdrant"]),
        "midrank.dev/upstream": st.sampled_from(["http://chroma:8000", "http://chroma:8000/base"]),
        "midrank.dev/port": st.sampled_from(["80", "8001", "9901", "x"]),
        "midrank.dev/native-sidecar": st.sampled_from(["true", "false", "auto"]),
        "midrank.dev/rewrite-env": st.sampled_from(["URL", "OTHER", "URL,OTHER"]),
        "midrank.dev/cpu-limit": st.sampled_from(["100m", "2", "1 GB"]),
        "midrank.dev/secret": st.just("keys"),
        "unrelated~/x": st.text(max_size=3),
    },
)
PODS = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.just("Pod"),
        "metadata": st.fixed_dictionaries(
            {"annotations": ANNOTATIONS}, optional={"labels": st.sampled_from([{}, {"app": "x"}]) | st.none()}
        ),
        "spec": st.fixed_dictionaries(
            {"containers": st.lists(CONTAINERS, min_size=1, max_size=2, unique_by=lambda one: one["name"])},
            optional={
                "initContainers": st.lists(CONTAINERS, max_size=2) | st.none(),
                "volumes": st.sampled_from([[], [{"name": "data", "emptyDir": {}}], None]),
                "restartPolicy": st.sampled_from(["Always", "Never"]),
                "hostNetwork": st.booleans(),
                "terminationGracePeriodSeconds": st.integers(0, 60),
            },
        ),
    }
)


@given(PODS)
def test_whatever_the_pod_a_patch_applies_once_and_changes_nothing_else(made):
    before = copy.deepcopy(made)
    decision = injection(made, WebhookSettings())

    assert made == before
    assert bool(decision.patch) is (decision.outcome is Outcome.INJECTED)
    assert decision.outcome is not Outcome.FAILED
    if decision.patch:
        new = jsonpatch.apply_patch(copy.deepcopy(made), [*decision.patch])
        assert set(pod_mistakes(new)) <= set(pod_mistakes(made))
        assert injection(new, WebhookSettings()).outcome is Outcome.PRESENT
        assert injection(new, WebhookSettings()).patch == ()
        _, others = _split(new)
        rewritten = set(made["metadata"]["annotations"].get("midrank.dev/rewrite-env", "").split(","))
        assert _unnamed(others, rewritten) == _unnamed(_split(made)[1], rewritten)
        for key in new["spec"].keys() - {"initContainers", "containers", "volumes"}:
            assert new["spec"][key] == made["spec"][key]


def _split(made):
    """Return the sidecars, and all other containers."""
    everyone = [*(made["spec"].get("initContainers") or ()), *made["spec"]["containers"]]
    return [one for one in everyone if one["name"] == "midrank"], [
        one for one in everyone if one["name"] != "midrank"
    ]


def _unnamed(containers, names):
    """Return containers without the values of some variables."""
    changed = copy.deepcopy(containers)
    for one in changed:
        for variable in one.get("env", ()):
            if variable["name"] in names:
                variable.pop("value", None)
    return changed


def test_every_option_can_be_an_annotation():
    """None of them is read by another name than its own."""
    sample = {
        "image": "midrank:0.1.0",
        "cpu_request": "1",
        "cpu_limit": "2",
        "memory_request": "1Gi",
        "memory_limit": "2Gi",
        "admin_port": "9902",
        "log_level": "debug",
        "native_sidecar": "true",
        "drain_seconds": "3",
        "store": "qdrant",
        "upstream": "http://qdrant:6333",
        "port": "7000",
        "rewrite_env": "URL",
        "secret": "s",
        "models_claim": "c",
    }
    env = [{"name": "URL", "value": "http://qdrant:6333"}]
    annotations = {key.replace("_", "-"): value for key, value in sample.items()}
    made = injected(pod({"inject": "true", **annotations}, containers=[container(env=env)]))

    assert sample.keys() | {"policy"} == PodOptions.model_fields.keys()
    assert parsed(sidecar(made)["args"]).log_level == "debug"

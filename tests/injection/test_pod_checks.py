"""Each case was tried against a kube-apiserver 1.36.2; all of them pass the schemas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.injection.pod_checks import pod_mistakes
from proxy.injection.quantities import amount
from tests.deploy.schemas import schema_mistakes
from tests.fakes.pods import SIDECAR, pod, pod_with_sidecar


def sidecar(**keys):
    """Return a change of the sidecar's keys; None takes one out."""

    def change(spec):
        (container,) = spec["initContainers"]
        container.update(keys)
        for key in [key for key, value in container.items() if value is None]:
            del container[key]

    return change


def app(**keys):
    return lambda spec: spec["containers"][0].update(keys)


def spec(**keys):
    return lambda spec: spec.update(keys)


def volume(*more):
    return lambda spec: spec["volumes"].extend(more)


PROBE = {"httpGet": {"path": "/live", "port": 9901}}

REFUSED = {
    "restart policy in lower case": (sidecar(restartPolicy="always"), "restartPolicy: one of"),
    "probes without Always": (sidecar(restartPolicy="OnFailure"), "startupProbe: an init container has one"),
    "probes of a plain init container": (sidecar(restartPolicy=None), "livenessProbe: an init container"),
    "a hook of a plain init container": (
        sidecar(restartPolicy=None, lifecycle={"preStop": {"sleep": {"seconds": 1}}}),
        "lifecycle: an init container",
    ),
    "a quantity with a space": (sidecar(resources={"requests": {"memory": "1 GB"}}), "requests.memory"),
    "a negative quantity": (sidecar(resources={"limits": {"cpu": "-1"}}), "limits.cpu"),
    "a request above its limit": (
        sidecar(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}),
        "requests.memory: at most the limit",
    ),
    "two containers of one name": (
        lambda spec: spec["containers"].append({"name": "midrank", "image": "x"}),
        "container midrank: two have this name",
    ),
    "two ports of one name": (
        sidecar(
            ports=[{"name": "a", "containerPort": 1}, {"name": "a", "containerPort": 2}],
            startupProbe=None,
            readinessProbe=None,
        ),
        "ports: two have the name a",
    ),
    "a port's name of 18 letters": (
        app(ports=[{"name": "midrank-admin-port", "containerPort": 1}]),
        "ports[0].name",
    ),
    "a port's name of digits": (app(ports=[{"name": "8080", "containerPort": 1}]), "ports[0].name"),
    "port 0": (app(ports=[{"containerPort": 0}]), "ports[0].containerPort"),
    "an unknown protocol": (app(ports=[{"containerPort": 1, "protocol": "tcp"}]), "ports[0].protocol"),
    "a mount without volume": (
        sidecar(volumeMounts=[{"name": "nope", "mountPath": "/x"}]),
        "volumeMounts: no volume nope",
    ),
    "two mounts at one path": (
        sidecar(
            volumeMounts=[
                {"name": "midrank-tmp", "mountPath": "/x"},
                {"name": "midrank-policy", "mountPath": "/x"},
            ]
        ),
        "volumeMounts: two at /x",
    ),
    "two volumes of one name": (
        volume({"name": "midrank-tmp", "emptyDir": {}}),
        "volume midrank-tmp: two have this name",
    ),
    "two sources of a volume": (
        volume({"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}),
        "volume v: one source, not 2",
    ),
    "a ConfigMap without name": (volume({"name": "v", "configMap": {}}), "volume v: configMap.name"),
    "a size that is none": (volume({"name": "v", "emptyDir": {"sizeLimit": "big"}}), "emptyDir.sizeLimit"),
    "a liveness probe that counts successes": (
        sidecar(livenessProbe={**PROBE, "successThreshold": 2}),
        "livenessProbe.successThreshold: 1",
    ),
    "a probe with two actions": (
        sidecar(livenessProbe={**PROBE, "tcpSocket": {"port": 9901}}),
        "livenessProbe: exactly one of",
    ),
    "a field that containers can't read": (
        sidecar(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.nope"}}}]),
        "env[0].valueFrom.fieldRef.fieldPath",
    ),
    "a value and its source": (
        sidecar(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}]),
        "env[0].valueFrom: exactly one source",
    ),
    "a variable with =": (sidecar(env=[{"name": "A=B", "value": "1"}]), "env[0].name"),
    "a sleep beyond the grace period": (
        sidecar(lifecycle={"preStop": {"sleep": {"seconds": 31}}}),
        "lifecycle.preStop.sleep.seconds",
    ),
    "a restart policy of the pod": (spec(restartPolicy="always"), "restartPolicy: one of Always"),
    "a DNS policy": (spec(dnsPolicy="clusterFirst"), "dnsPolicy"),
    "a negative grace period": (spec(terminationGracePeriodSeconds=-1), "terminationGracePeriodSeconds"),
    "an image with a space": (sidecar(image="midrank:0.1.0 "), "image"),
    "a pull policy": (sidecar(imagePullPolicy="Sometimes"), "imagePullPolicy"),
    "a negative period": (
        sidecar(livenessProbe={**PROBE, "periodSeconds": -1}),
        "livenessProbe.periodSeconds",
    ),
    "a scheme in lower case": (
        sidecar(livenessProbe={"httpGet": {"port": 9901, "scheme": "https"}}),
        "livenessProbe.httpGet.scheme",
    ),
    "a mount at a path with a colon": (
        sidecar(volumeMounts=[{"name": "midrank-tmp", "mountPath": "C:/x"}]),
        "volumeMounts[0].mountPath",
    ),
    "a mount that climbs": (
        sidecar(volumeMounts=[{"name": "midrank-tmp", "mountPath": "/x", "subPath": "a/../.."}]),
        "volumeMounts[0].subPath",
    ),
    "a container's name with an underscore": (app(name="my_app"), "name: lower-case"),
    "one host port twice": (
        lambda spec: spec["containers"].extend(
            {"name": name, "image": "x", "ports": [{"containerPort": port, "hostPort": 80}]}
            for name, port in (("one", 1), ("two", 2))
        ),
        "hostPort 80/TCP: given twice",
    ),
    "a host port beside the host's network": (
        lambda spec: (
            spec.update(hostNetwork=True)
            or spec["containers"][0].update(ports=[{"containerPort": 1, "hostPort": 2}])
        ),
        "ports[0].hostPort",
    ),
    "a seccomp type": (
        sidecar(securityContext={"seccompProfile": {"type": "runtime/default"}}),
        "seccompProfile.type",
    ),
    "a local seccomp profile without path": (
        sidecar(securityContext={"seccompProfile": {"type": "Localhost"}}),
        "localhostProfile",
    ),
    "privileged without escalation": (
        sidecar(securityContext={"privileged": True, "allowPrivilegeEscalation": False}),
        "privileged",
    ),
}
# Taken by the API server, and wrong all the same.
TAKEN = {
    "a port number in two containers": (
        app(ports=[{"containerPort": 8001}]),
        "port 8001/TCP: two containers have it",
    ),
    "a probe of an unknown port name": (
        sidecar(readinessProbe={"httpGet": {"path": "/ready", "port": "nope"}}),
        "readinessProbe.httpGet.port",
    ),
    "root that must not be root": (
        sidecar(securityContext={"runAsNonRoot": True, "runAsUser": 0}),
        "runAsUser: not 0",
    ),
}
RIGHT = {
    "as it is": lambda _: None,
    "a preStop sleep": sidecar(lifecycle={"preStop": {"sleep": {"seconds": 5}}}),
    "a failure threshold of 0, which means the default": sidecar(
        startupProbe={**PROBE, "failureThreshold": 0}
    ),
    "an image volume": volume({"name": "m", "image": {"reference": "x:1", "pullPolicy": "IfNotPresent"}}),
    "a variable with a hyphen and a dot": sidecar(env=[{"name": "A-B.c", "value": "1"}]),
    "a field that is an annotation": sidecar(
        env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['x/y']"}}}]
    ),
    "DNS over TCP and UDP in two containers": lambda spec: spec["containers"].extend(
        {"name": name, "image": "x", "ports": [{"containerPort": 53, "protocol": name.upper()}]}
        for name in ("tcp", "udp")
    ),
    "the port of an init container that is gone by then": lambda spec: spec["initContainers"].append(
        {"name": "first", "image": "x", "ports": [{"containerPort": 8001}]}
    ),
    "quantities as numbers": sidecar(resources={"requests": {"cpu": 1}, "limits": {"cpu": 1.5}}),
}


@pytest.mark.parametrize(("change", "expected"), [*REFUSED.values(), *TAKEN.values()], ids=[*REFUSED, *TAKEN])
def test_what_the_schema_takes_and_a_cluster_does_not_is_told(change, expected):
    made = pod_with_sidecar()
    change(made["spec"])

    assert schema_mistakes(made, "1.36") == []
    assert any(expected in mistake for mistake in pod_mistakes(made)), pod_mistakes(made)


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_what_a_cluster_takes_is_right(change):
    made = pod_with_sidecar()
    change(made["spec"])

    assert pod_mistakes(made) == ()


def test_labels_and_annotations_have_a_form():
    made = pod()
    made["metadata"] |= {"labels": {"a": "no spaces", "b c": "x"}, "annotations": {"Mixed/Case": "x", "n": 1}}

    assert pod_mistakes(made) == (
        "label a: letters, digits, - _ and . inside, at most 63",
        "label b c: the key should be PREFIX/NAME",
        "annotation n: a string",
    )


def test_annotations_have_256_kib():
    made = pod()
    made["metadata"]["annotations"] = {"a": "x" * 256 * 1024}

    assert pod_mistakes(made) == ("annotations: 256 KiB in all",)


def test_the_claims_of_a_stateful_set_are_volumes():
    made = pod()
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]

    assert pod_mistakes(made) == ("container app: volumeMounts: no volume data",)
    assert pod_mistakes(made, claimed=["data"]) == ()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SIDECAR, "name", "containerPort", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
def test_junk_anywhere_is_no_crash(data):
    made = pod_with_sidecar()
    place = made
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JUNK)

    assert isinstance(pod_mistakes(made), tuple)


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("500m", 0.5),
        ("1Gi", 2**30),
        ("1G", 10**9),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E-2", 0.01),
        (".5", 0.5),
    ],
)
def test_a_quantity_is_a_number(quantity, number):
    assert float(amount(quantity)) == number


@pytest.mark.parametrize(
    "quantity", ["1 GB", "", "Gi", "1.2.3", "1GiB", "1K", True, None, [1], "9" * 65, "\uff11"]
)
def test_what_is_no_quantity_is_none(quantity):
    assert amount(quantity) is None

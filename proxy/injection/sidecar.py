"""The sidecar as Kubernetes has it: one container and its volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.injection.options import data_port
from proxy.injection.trees import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.injection.settings import PodOptions, WebhookSettings

NAME = "midrank"
POLICY, TMP, MODELS = "midrank-policy", "midrank-tmp", "midrank-models"
# Of the pod's own namespace, where they are there.
ENVIRONMENT, SECRET = "midrank-env", "midrank-secrets"
# Seconds of a pod's grace period that are kept for telemetry and the end of the process.
SPARE = 5.0
_FIELDS = {
    "POD_NAMESPACE": "metadata.namespace",
    "POD_NAME": "metadata.name",
    "POD_UID": "metadata.uid",
    "NODE_NAME": "spec.nodeName",
}
_ATTRIBUTES = (
    "k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.pod.uid=$(POD_UID),"
    f"k8s.node.name=$(NODE_NAME),k8s.container.name={NAME}"
)


def container(pod: Mapping[str, Any], options: PodOptions, settings: WebhookSettings) -> dict[str, Any]:
    """Return the container for a pod: an init container that stays, or a plain one."""
    port, user, pulled = data_port(options), settings.run_as_user, settings.image_pull_policy
    admin = f"{settings.admin_host}:{options.admin_port}"
    # Containers are started in order: this holds back those behind it until midrank listens.
    waits = {"postStart": {"exec": {"command": ["midrank", "health", "--admin", admin, "--wait", "60"]}}}
    return {
        "name": NAME,
        "image": options.image,
        **({} if pulled is None else {"imagePullPolicy": pulled}),
        **({"restartPolicy": "Always"} if options.native_sidecar else {}),
        # Probes come from outside the pod, whatever the policy says.
        "args": [
            *("run", *_source(options), "--admin", admin, "--log-level", options.log_level),
            *_drain(pod, options, settings),
        ],
        **({} if options.native_sidecar else {"lifecycle": waits}),
        "env": _environment(settings),
        "envFrom": _environment_from(options),
        "ports": [
            *([] if port is None else [{"name": "midrank", "containerPort": port}]),
            {"name": "midrank-admin", "containerPort": options.admin_port},
        ],
        # Alive is enough to start the app: searches pass through until the models are warm.
        "startupProbe": {**_asks("/live"), "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {**_asks("/ready"), "periodSeconds": 5},
        "livenessProbe": {**_asks("/live"), "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3},
        "resources": resources(options),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            **({} if user is None else {"runAsUser": user, "runAsGroup": user}),
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *([{"name": POLICY, "mountPath": "/etc/midrank", "readOnly": True}] if options.policy else []),
            {"name": TMP, "mountPath": "/tmp"},  # noqa: S108 - inside the container
            *([{"name": MODELS, "mountPath": "/models", "readOnly": True}] if options.models_claim else []),
        ],
    }


def grace_seconds(pod: Mapping[str, Any]) -> float:
    """Return how long a pod's containers have to end."""
    seconds = mapping(pod.get("spec")).get("terminationGracePeriodSeconds")
    return float(seconds) if isinstance(seconds, int) else 30.0


def resources(options: PodOptions) -> dict[str, Any]:
    """Return what is set aside for the container, and what it may use at most."""
    asked = {
        "requests": {"cpu": options.cpu_request, "memory": options.memory_request},
        "limits": {"cpu": options.cpu_limit, "memory": options.memory_limit},
    }
    given = {
        kind: {name: quantity for name, quantity in quantities.items() if quantity is not None}
        for kind, quantities in asked.items()
    }
    return {kind: quantities for kind, quantities in given.items() if quantities}


def volumes(options: PodOptions) -> list[dict[str, Any]]:
    """Return what the container mounts."""
    made: list[dict[str, Any]] = [{"name": TMP, "emptyDir": {"sizeLimit": "64Mi"}}]
    if options.policy is not None:
        made.insert(0, {"name": POLICY, "configMap": {"name": options.policy}})
    if options.models_claim is not None:
        claim = {"claimName": options.models_claim, "readOnly": True}
        made.append({"name": MODELS, "persistentVolumeClaim": claim})
    return made


def _source(options: PodOptions) -> list[str]:
    """Return what says which stores it stands before."""
    if options.policy is not None:
        return ["--policy", "/etc/midrank/policy.yaml"]
    listen = f"127.0.0.1:{data_port(options)}"
    return ["--store", str(options.store), "--upstream", str(options.upstream), "--listen", listen]


def _environment(settings: WebhookSettings) -> list[dict[str, Any]]:
    """Return how many threads a model may have, which pod it is, for telemetry, and the cluster's own."""
    threads = {"containerName": NAME, "resource": "requests.cpu", "divisor": "1"}
    variables: dict[str, dict[str, Any]] = {
        # Without a CPU limit a model would take a thread for every CPU of the node.
        "MIDRANK_THREADS": {"valueFrom": {"resourceFieldRef": threads}},
        **{name: {"valueFrom": {"fieldRef": {"fieldPath": field}}} for name, field in _FIELDS.items()},
        "OTEL_SERVICE_NAME": {"value": NAME},
        "OTEL_RESOURCE_ATTRIBUTES": {"value": _ATTRIBUTES},
        **{name: {"value": value} for name, value in settings.env.items()},
    }
    return [{"name": name, **source} for name, source in variables.items()]


def _environment_from(options: PodOptions) -> list[dict[str, Any]]:
    """Return what the pod's own namespace says: how to run there, and the policy's secrets."""
    secret = {"name": SECRET, "optional": True} if options.secret is None else {"name": options.secret}
    return [{"configMapRef": {"name": ENVIRONMENT, "optional": True}}, {"secretRef": secret}]


def _drain(pod: Mapping[str, Any], options: PodOptions, settings: WebhookSettings) -> list[str]:
    seconds = ["--drain-seconds", f"{options.drain_seconds:g}"]
    if options.native_sidecar:
        return seconds
    # The app is stopped at the same time and goes on searching, so long as the pod has left.
    left = grace_seconds(pod) - options.drain_seconds - SPARE
    return [*seconds, "--drain-delay-seconds", f"{max(0.0, min(settings.drain_delay_seconds, left)):g}"]


def _asks(path: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "midrank-admin"}}

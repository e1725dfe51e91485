"""What an API server refuses about one container though the schema allows it, and what fails at run time.

Sources: kubernetes/pkg/apis/core/validation/validation.go and apimachinery's util/validation, tried against
an API server 1.36.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxy.injection.quantities import amount
from proxy.injection.trees import duplicates, is_native_sidecar, items, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_ACTIONS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_POLICIES = ("Always", "OnFailure", "Never")
_ENUMS = {
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
    "restartPolicy": _POLICIES,
}
_SECCOMP = ("RuntimeDefault", "Unconfined", "Localhost")
_FIELDS = frozenset(
    ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName")
) | {"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
_FIELD_OF_MAP = re.compile(r"metadata\.(?:labels|annotations)\['[^']+'\]")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
# IANA service names: a letter somewhere, hyphens inside and never two in a row.
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")
_ENV_NAME = re.compile(r"[ -<>-~]+")


def container_mistakes(container: Mapping[str, Any], pod: Mapping[str, Any], *, init: bool) -> Iterator[str]:
    """Yield what is wrong with a container of a pod's `spec`, without its name."""
    if not is_dns_label(container.get("name")):
        yield "name: lower-case letters, digits and hyphens, at most 63"
    image = container.get("image")
    if not isinstance(image, str) or not image or image != image.strip():
        yield "image: missing, or has spaces around it"
    for key, allowed in _ENUMS.items():
        if key in container and container[key] not in allowed:
            yield f"{key}: one of {', '.join(allowed)}"
    yield from _probes(container, init=init)
    yield from _lifecycle(container, pod, init=init)
    yield from _resources(mapping(container.get("resources")))
    yield from _ports(container, host_network=pod.get("hostNetwork") is True)
    yield from _environment(container)
    yield from _mounts(container)
    yield from _security(mapping(container.get("securityContext")), mapping(pod.get("securityContext")))


def is_dns_label(name: object) -> bool:
    """Say whether a name may be a container's, a volume's or a part of a DNS name."""
    return isinstance(name, str) and _LABEL.fullmatch(name) is not None


def port_numbers(container: Mapping[str, Any]) -> set[tuple[int, str]]:
    """Return the container's declared ports with their protocols."""
    ports = items(container.get("ports"))
    return {
        (port["containerPort"], str(port.get("protocol", "TCP")))
        for port in ports
        if _is_port(port.get("containerPort"))
    }


def _probes(container: Mapping[str, Any], *, init: bool) -> Iterator[str]:
    for key in PROBES:
        if container.get(key) is None:
            continue
        probe = mapping(container[key])
        if init and not is_native_sidecar(container):
            yield f"{key}: an init container has one with restartPolicy Always alone"
        if key != "readinessProbe" and probe.get("successThreshold") not in (None, 0, 1):
            yield f"{key}.successThreshold: 1"
        for number in ("periodSeconds", "timeoutSeconds", "failureThreshold", "initialDelaySeconds"):
            if isinstance(probe.get(number), int) and probe[number] < 0:
                yield f"{key}.{number}: not negative"
        yield from _action(container, key, probe)


def _lifecycle(container: Mapping[str, Any], pod: Mapping[str, Any], *, init: bool) -> Iterator[str]:
    hooks = mapping(container.get("lifecycle"))
    if init and not is_native_sidecar(container) and ("preStop" in hooks or "postStart" in hooks):
        yield "lifecycle: an init container has one with restartPolicy Always alone"
    for key in ("postStart", "preStop"):
        if hooks.get(key) is None:
            continue
        hook = mapping(hooks[key])
        yield from _action(container, f"lifecycle.{key}", hook)
        seconds = mapping(hook.get("sleep")).get("seconds")
        grace = pod.get("terminationGracePeriodSeconds", 30)
        if isinstance(seconds, int) and isinstance(grace, int) and not 0 <= seconds <= grace:
            yield f"lifecycle.{key}.sleep.seconds: within terminationGracePeriodSeconds, {grace}"


def _action(container: Mapping[str, Any], key: str, hook: Mapping[str, Any]) -> Iterator[str]:
    given = [action for action in _ACTIONS if hook.get(action) is not None]
    if len(given) != 1:
        yield f"{key}: exactly one of {', '.join(_ACTIONS)}"
    names = [port.get("name") for port in items(container.get("ports"))]
    for action in ("httpGet", "tcpSocket"):
        if action not in given:
            continue
        port = mapping(hook[action]).get("port")
        # The API server takes an unknown name, and the kubelet then fails every probe.
        if (isinstance(port, str) and port not in names) or not (isinstance(port, str) or _is_port(port)):
            yield f"{key}.{action}.port: a number, or the name of a port of this container"
        if mapping(hook[action]).get("scheme", "HTTP") not in ("HTTP", "HTTPS"):
            yield f"{key}.{action}.scheme: HTTP or HTTPS"


def _resources(resources: Mapping[str, Any]) -> Iterator[str]:
    requests, limits = mapping(resources.get("requests")), mapping(resources.get("limits"))
    for kind, quantities in (("requests", requests), ("limits", limits)):
        for name, quantity in quantities.items():
            number = amount(quantity)
            if number is None or number < 0:
                yield f"resources.{kind}.{name}: a quantity such as 500m or 1Gi"
    for name in requests.keys() & limits.keys():
        request, limit = amount(requests[name]), amount(limits[name])
        if request is not None and limit is not None and request > limit:
            yield f"resources.requests.{name}: at most the limit"


def _ports(container: Mapping[str, Any], *, host_network: bool) -> Iterator[str]:
    ports = items(container.get("ports"))
    for place, port in enumerate(ports):
        key = f"ports[{place}]"
        name = port.get("name")
        if name is not None and (not isinstance(name, str) or not _PORT_NAME.fullmatch(name)):
            yield f"{key}.name: lower-case letters, digits and single hyphens, at most 15"
        if not _is_port(port.get("containerPort")):
            yield f"{key}.containerPort: 1 to 65535"
        if port.get("protocol", "TCP") not in ("TCP", "UDP", "SCTP"):
            yield f"{key}.protocol: TCP, UDP or SCTP"
        if host_network and port.get("hostPort") not in (None, 0, port.get("containerPort")):
            yield f"{key}.hostPort: the containerPort, with hostNetwork"
    for name in duplicates(port["name"] for port in ports if isinstance(port.get("name"), str)):
        yield f"ports: two have the name {name}"


def _environment(container: Mapping[str, Any]) -> Iterator[str]:
    for place, variable in enumerate(items(container.get("env"))):
        key = f"env[{place}]"
        name, source = variable.get("name"), mapping(variable.get("valueFrom"))
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            yield f"{key}.name: printable ASCII without ="
        if variable.get("valueFrom") is not None and (variable.get("value") or len(source) != 1):
            yield f"{key}.valueFrom: exactly one source, and no value beside it"
        field = mapping(source.get("fieldRef")).get("fieldPath")
        known = isinstance(field, str) and (field in _FIELDS or _FIELD_OF_MAP.fullmatch(field))
        if "fieldRef" in source and not known:
            yield f"{key}.valueFrom.fieldRef.fieldPath: not one that containers can read"


def _mounts(container: Mapping[str, Any]) -> Iterator[str]:
    mounts = items(container.get("volumeMounts"))
    for place, mount in enumerate(mounts):
        path, inside = mount.get("mountPath"), mount.get("subPath")
        if not isinstance(path, str) or not path or ":" in path:
            yield f"volumeMounts[{place}].mountPath: a path without a colon"
        if isinstance(inside, str) and (inside.startswith("/") or ".." in inside.split("/")):
            yield f"volumeMounts[{place}].subPath: a relative path without `..`"
    for path in duplicates(str(mount.get("mountPath")) for mount in mounts):
        yield f"volumeMounts: two at {path}"


def _security(own: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    if own.get("allowPrivilegeEscalation") is False and own.get("privileged") is True:
        yield "securityContext: privileged, and not allowed to escalate privileges"
    # The API server takes it, and the kubelet then does not start the container.
    if (
        own.get("runAsNonRoot", pod.get("runAsNonRoot")) is True
        and own.get("runAsUser", pod.get("runAsUser")) == 0
    ):
        yield "securityContext.runAsUser: not 0 with runAsNonRoot"
    seccomp = mapping(own.get("seccompProfile"))
    if seccomp and (seccomp.get("type") not in _SECCOMP):
        yield f"securityContext.seccompProfile.type: one of {', '.join(_SECCOMP)}"
    if (seccomp.get("type") == "Localhost") is not ("localhostProfile" in seccomp):
        yield "securityContext.seccompProfile.localhostProfile: with type Localhost, and with it alone"


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535

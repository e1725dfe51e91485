"""What an API server refuses about a pod though every schema allows it, and what fails at run time.

Schemas know neither the enums nor what must be unique or must exist; so a manifest that passes
`kubernetes-validate` can still be refused. Two mistakes are taken by the API server and fail later: a port
number in two containers, and a probe of an unknown named port.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from proxy.injection.container_checks import container_mistakes, is_dns_label, port_numbers
from proxy.injection.quantities import amount
from proxy.injection.trees import duplicates, items, mapping, running

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_ENUMS = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "preemptionPolicy": ("Never", "PreemptLowerPriority"),
}
# Sources that are found by a name, and the key of it.
_NAMED_SOURCES = {"configMap": "name", "secret": "secretName", "persistentVolumeClaim": "claimName"}
_QUALIFIED = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_MAX_ANNOTATIONS = 256 * 1024


def pod_mistakes(pod: Mapping[str, Any], *, claimed: Collection[str] = ()) -> tuple[str, ...]:
    """Return what is wrong with a pod, or the template of one, as one line each; names of containers inside.

    `claimed` are the names of a StatefulSet's `volumeClaimTemplates`, which its pods mount as volumes.
    What a schema checks (types, unknown and required keys) is not checked again.
    """
    spec = mapping(pod.get("spec"))
    return (
        *_metadata(mapping(pod.get("metadata"))),
        *_spec(spec),
        *_containers(spec),
        *_volumes(spec, claimed),
    )


def _metadata(metadata: Mapping[str, Any]) -> Iterator[str]:
    labels, annotations = mapping(metadata.get("labels")), mapping(metadata.get("annotations"))
    for key, value in labels.items():
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            yield f"label {key}: letters, digits, - _ and . inside, at most 63"
    for kind, names in (("label", labels), ("annotation", annotations)):
        # Kubernetes lowers an annotation's key first.
        wrong = (
            key for key in names if not _QUALIFIED.fullmatch(str(key).lower() if kind[0] == "a" else str(key))
        )
        for key in wrong:
            yield f"{kind} {key}: the key should be PREFIX/NAME"
    for key, value in annotations.items():
        if not isinstance(value, str):
            yield f"annotation {key}: a string"
    if sum(len(str(key)) + len(str(value)) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        yield "annotations: 256 KiB in all"


def _spec(spec: Mapping[str, Any]) -> Iterator[str]:
    for key, allowed in _ENUMS.items():
        if key in spec and spec[key] not in allowed:
            yield f"{key}: one of {', '.join(allowed)}"
    for key in ("terminationGracePeriodSeconds", "activeDeadlineSeconds"):
        if isinstance(spec.get(key), int) and spec[key] < 0:
            yield f"{key}: not negative"
    if not items(spec.get("containers")):
        yield "containers: one or more"


def _containers(spec: Mapping[str, Any]) -> Iterator[str]:
    inits, apps = items(spec.get("initContainers")), items(spec.get("containers"))
    for containers, init in ((inits, True), (apps, False)):
        for container in containers:
            for mistake in container_mistakes(container, spec, init=init):
                yield f"container {container.get('name')}: {mistake}"
    everyone = [*inits, *apps, *items(spec.get("ephemeralContainers"))]
    for name in duplicates(str(container.get("name")) for container in everyone):
        yield f"container {name}: two have this name"
    together = running(spec)
    for port in duplicates(port for one in together for port in port_numbers(one)):
        # Taken by the API server: the second container to start can't bind it.
        yield "port {}/{}: two containers have it".format(*port)
    host_ports = [
        (str(port["hostPort"]), str(port.get("protocol", "TCP")), str(port.get("hostIP", "")))
        for one in together
        for port in items(one.get("ports"))
        if port.get("hostPort")
    ]
    for number, protocol, _ in duplicates(host_ports):
        yield f"hostPort {number}/{protocol}: given twice"


def _volumes(spec: Mapping[str, Any], claimed: Collection[str]) -> Iterator[str]:
    volumes = items(spec.get("volumes"))
    names = [str(volume.get("name")) for volume in volumes]
    for name in duplicates(names):
        yield f"volume {name}: two have this name"
    for volume in volumes:
        yield from (f"volume {volume.get('name')}: {mistake}" for mistake in _volume(volume))
    known = {*names, *claimed}
    for container in (*items(spec.get("initContainers")), *items(spec.get("containers"))):
        for key in ("volumeMounts", "volumeDevices"):
            for mount in items(container.get(key)):
                if str(mount.get("name")) not in known:
                    yield f"container {container.get('name')}: {key}: no volume {mount.get('name')}"


def _volume(volume: Mapping[str, Any]) -> Iterator[str]:
    if not is_dns_label(volume.get("name")):
        yield "name: lower-case letters, digits and hyphens, at most 63"
    sources = [key for key in volume if key != "name" and volume[key] is not None]
    if len(sources) > 1:
        yield f"one source, not {len(sources)}"
    for source, key in _NAMED_SOURCES.items():
        if source in sources and not mapping(volume[source]).get(key):
            yield f"{source}.{key}: missing"
    size = mapping(volume.get("emptyDir")).get("sizeLimit")
    if size is not None and amount(size) is None:
        yield "emptyDir.sizeLimit: a quantity such as 64Mi"

"""Which pods can have a sidecar, and why the others can't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.injection.container_checks import port_numbers
from proxy.injection.options import INJECTED, STATUS, data_port
from proxy.injection.quantities import amount
from proxy.injection.sidecar import NAME, SPARE, grace_seconds, resources, volumes
from proxy.injection.trees import items, mapping, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from proxy.injection.settings import PodOptions

_MIRROR = "kubernetes.io/config.mirror"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def is_understood(pod: Mapping[str, Any]) -> bool:
    """Say whether everything that an injection reads or changes is of the type that it should be."""
    metadata, spec = pod.get("metadata"), pod.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict) or not spec.get("containers"):
        return False
    texts = [metadata.get(key) for key in ("labels", "annotations")]
    lists = [spec.get(key) for key in (*_CONTAINERS, "volumes")]
    return all(text is None or _all_strings(text) for text in texts) and all(
        one is None or _all_named(one) for one in lists
    )


def has_sidecar(pod: Mapping[str, Any]) -> bool:
    """Say whether a container is there that has our name."""
    spec = mapping(pod.get("spec"))
    return any(one.get("name") == NAME for key in _CONTAINERS for one in items(spec.get(key)))


def is_ours(pod: Mapping[str, Any]) -> bool:
    """Say whether the sidecar that is there was put there by an injection."""
    metadata = mapping(pod.get("metadata"))
    marked = STATUS in mapping(metadata.get("annotations")) and INJECTED in mapping(metadata.get("labels"))
    return has_sidecar(pod) and marked


def obstacles(pod: Mapping[str, Any], options: PodOptions) -> Iterator[str]:
    """Yield what stands in the way of a sidecar in a pod that is understood and has none."""
    spec, metadata = mapping(pod.get("spec")), mapping(pod.get("metadata"))
    yield from _kinds_of_pod(pod, spec)
    if STATUS in mapping(metadata.get("annotations")) or INJECTED in mapping(metadata.get("labels")):
        yield f"it has {STATUS} or {INJECTED}, which injections alone write, and no sidecar"
    if not options.native_sidecar and spec.get("restartPolicy", "Always") != "Always":
        yield "a Job would never end with a plain container beside it: only a native sidecar can be injected"
    taken = {name for one in running(spec) for name, protocol in port_numbers(one) if protocol == "TCP"}
    for port in (data_port(options), options.admin_port):
        if port in taken:
            yield f"port {port} is another container's"
    names = {volume.get("name") for volume in items(spec.get("volumes"))}
    for volume in volumes(options):
        if volume["name"] in names:
            yield f"there is a volume {volume['name']} already"


def remarks(pod: Mapping[str, Any], options: PodOptions) -> Iterator[str]:
    """Yield what people should know of a sidecar that can be injected."""
    spec = mapping(pod.get("spec"))
    before = [*items(spec.get("initContainers")), *items(spec.get("containers"))]
    if _is_guaranteed(before) and not _is_guaranteed([{"resources": resources(options)}]):
        yield "the pod was Guaranteed and is Burstable now: set the sidecar's requests and limits, and equal"
    grace, needed = grace_seconds(pod), options.drain_seconds + SPARE
    if grace < needed:
        yield f"terminationGracePeriodSeconds {grace:g} is less than the {needed:g} s that midrank may need"


def _is_guaranteed(containers: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether containers make a pod one of the QoS class Guaranteed: the last to be evicted."""
    for container in containers:
        resources = mapping(container.get("resources"))
        requests, limits = mapping(resources.get("requests")), mapping(resources.get("limits"))
        for resource in ("cpu", "memory"):
            limit = amount(limits.get(resource))
            if not limit or amount(requests.get(resource, limits.get(resource))) != limit:
                return False
    return True


def _kinds_of_pod(pod: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    if _MIRROR in mapping(mapping(pod.get("metadata")).get("annotations")):
        yield "it mirrors a static pod, which the kubelet reads from a file"
    if spec.get("hostNetwork") is True:
        yield "it uses the host's network, where midrank's ports would be open to the node"
    selector = mapping(spec.get("nodeSelector")).get("kubernetes.io/os", "linux")
    system = mapping(spec.get("os")).get("name", "linux")
    contexts = [one.get("securityContext") for one in (spec, *items(spec.get("containers")))]
    windows = any("windowsOptions" in mapping(one) for one in contexts)
    if system != "linux" or selector != "linux" or windows:
        yield "it does not run on Linux"
    if spec.get("resources"):
        # An API server compares their sums: a container more can make the pod invalid.
        yield "it has resources for the pod as a whole, in which no sidecar is counted"


def _all_strings(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


def _all_named(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in value
    )

"""What Pod Security's level `restricted` refuses about a pod.

Source: kubernetes.io/docs/concepts/security/pod-security-standards, tried against an API server 1.36.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.injection.trees import items, mapping, strings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
        "image",
    )
)
_SELINUX_TYPES = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    )
)
_CONFINED = ("RuntimeDefault", "Localhost")


def restricted_mistakes(pod: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a namespace with `pod-security.kubernetes.io/enforce: restricted` refuses, a line each."""
    spec = mapping(pod.get("spec"))
    shared = mapping(spec.get("securityContext"))
    found = list(_pod(spec, shared))
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in items(spec.get(kind)):
            own = mapping(container.get("securityContext"))
            mistakes = (*_container(own, shared), *_host(container))
            found += [f"container {container.get('name')}: {mistake}" for mistake in mistakes]
    return tuple(found)


def _pod(spec: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key) is True:
            yield f"{key}: not allowed"
    for volume in items(spec.get("volumes")):
        for source in volume.keys() - _VOLUMES - {"name"}:
            yield f"volume {volume.get('name')}: {source} is not allowed"
    for sysctl in items(shared.get("sysctls")):
        if sysctl.get("name") not in _SYSCTLS:
            yield f"securityContext.sysctls: {sysctl.get('name')} is not allowed"
    yield from _both(shared)


def _container(own: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[str]:
    yield from _both(own)
    if own.get("privileged") is True:
        yield "securityContext.privileged: not allowed"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "securityContext.allowPrivilegeEscalation: false"
    capabilities = mapping(own.get("capabilities"))
    if "ALL" not in strings(capabilities.get("drop")):
        yield "securityContext.capabilities.drop: [ALL]"
    if set(strings(capabilities.get("add"))) - {"NET_BIND_SERVICE"}:
        yield "securityContext.capabilities.add: nothing but NET_BIND_SERVICE"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "securityContext.runAsNonRoot: true, here or in the pod"
    if mapping(own.get("seccompProfile") or shared.get("seccompProfile")).get("type") not in _CONFINED:
        yield "securityContext.seccompProfile.type: RuntimeDefault or Localhost, here or in the pod"
    if own.get("procMount", "Default") != "Default":
        yield "securityContext.procMount: Default"


def _both(context: Mapping[str, Any]) -> Iterator[str]:
    """Yield what neither a pod's security context may say nor a container's."""
    if context.get("runAsUser") == 0:
        yield "securityContext.runAsUser: not 0"
    selinux = mapping(context.get("seLinuxOptions"))
    if selinux.get("type") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield "securityContext.seLinuxOptions: a container's type, and no user or role"
    if mapping(context.get("appArmorProfile")).get("type", "RuntimeDefault") not in _CONFINED:
        yield "securityContext.appArmorProfile.type: RuntimeDefault or Localhost"
    if mapping(context.get("windowsOptions")).get("hostProcess") is True:
        yield "securityContext.windowsOptions.hostProcess: not allowed"


def _host(container: Mapping[str, Any]) -> Iterator[str]:
    if any(port.get("hostPort") for port in items(container.get("ports"))):
        yield "ports: no hostPort"
    hooks = [container.get(key) for key in ("startupProbe", "readinessProbe", "livenessProbe")]
    hooks += mapping(container.get("lifecycle")).values()
    for hook in map(mapping, hooks):
        # Since 1.34: a probe of another host is a way around network policies.
        if mapping(hook.get("httpGet")).get("host") or mapping(hook.get("tcpSocket")).get("host"):
            yield "probes and lifecycle hooks: no host"

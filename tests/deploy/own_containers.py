"""What manifests ask of midrank must be what it does: arguments, policies, ports, probes, time to stop."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from proxy.cli.commands import COMMANDS
from proxy.errors import BadConfig
from proxy.policy_base import split_address
from proxy.policy_file import parse_policy
from tests.deploy.documents import Documents, Pod, contents
from tests.deploy.references import environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.policy import Policy

# The image's CMD.
DEFAULT_COMMAND = ("run", "--policy", "/etc/midrank/policy.yaml")
# What each probe may ask; none may depend on a model, but who would rather wait may start with /warm.
PATHS = {"startupProbe": ("/live", "/warm"), "readinessProbe": ("/ready",), "livenessProbe": ("/live",)}
# Seconds between the end of draining and SIGKILL, for telemetry's last export.
TO_SPARE = 5
# Kubernetes' own.
GRACE = 30

_OURS = re.compile(r"(^|/)midrank(:|@|$)")


class Serving(NamedTuple):
    """A container that runs `midrank run`, and the policy it is given."""

    pod: Pod
    container: Mapping[str, Any]
    arguments: argparse.Namespace
    policy: Policy


def wrong_containers(documents: Documents) -> Iterator[str]:
    """Tell what midrank's containers are asked to do that it would not do, or not as meant."""
    for pod in documents.pods:
        for container in pod.containers:
            if not _OURS.search(container.get("image", "")):
                continue
            where = f"{pod.place}: {container['name']}"
            try:
                yield from (f"{where}: {one}" for one in _wrong(documents, pod, container))
            except _Mistaken as mistake:
                yield f"{where}: {mistake}"


def served(documents: Documents) -> Iterator[Serving]:
    """Yield the containers that serve a policy out of a ConfigMap; those that are wrong are left out."""
    for pod in documents.pods:
        for container in pod.containers:
            if not _OURS.search(container.get("image", "")):
                continue
            with contextlib.suppress(_Mistaken):
                command, told = _parsed(_command_line(container))
                if command == "run" and told.policy is not None:
                    yield Serving(pod, container, told, _policy(documents, pod, container, told))


def arguments(container: Mapping[str, Any]) -> argparse.Namespace:
    """Return what a container of ours is told, defaults filled in."""
    return _parsed(_command_line(container))[1]


class _Mistaken(Exception):
    """Why nothing more can be said of a container."""


def _wrong(documents: Documents, pod: Pod, container: Mapping[str, Any]) -> Iterator[str]:
    command, told = _parsed(_command_line(container))
    for hook in ("postStart", "preStop"):
        yield from _unknown_exec(container.get("lifecycle", {}).get(hook, {}))
    for probe in PATHS:
        yield from _unknown_exec(container.get(probe, {}))
    if command != "run":
        return
    if container in pod.staying:
        stopping = told.drain_delay_seconds + told.drain_seconds + TO_SPARE
        grace = pod.spec.get("terminationGracePeriodSeconds", GRACE)
        if grace < stopping:
            yield f"is killed after {grace} s, but may take {stopping:g} s to stop"
    if told.policy is not None:
        policy = _policy(documents, pod, container, told)
        yield from _wrong_ports(documents, pod, container, policy)
        yield from _wrong_probes(container, policy)


def _command_line(container: Mapping[str, Any]) -> Sequence[str]:
    """Return what is told to `midrank`."""
    if "command" in container:
        program, *first = container["command"]
        if program != "midrank":
            raise _Mistaken(f"runs {program}, not midrank")
        return [*first, *container.get("args", [])]
    return container.get("args") or DEFAULT_COMMAND


def _parsed(words: Sequence[str]) -> tuple[str, argparse.Namespace]:
    command, *rest = words
    if command not in COMMANDS:
        raise _Mistaken(f"no such command: midrank {command}")
    parser = argparse.ArgumentParser(prog=f"midrank {command}")
    COMMANDS[command].add_arguments(parser)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return command, parser.parse_args(rest)
    except SystemExit:
        raise _Mistaken(said.getvalue().strip().rpartition("\n")[2]) from None


def _unknown_exec(handler: Mapping[str, Any]) -> Iterator[str]:
    """Tell of a command inside a probe or hook that is not in the image, or not understood."""
    if "exec" not in handler:
        return
    program, *words = handler["exec"]["command"]
    if program != "midrank":
        yield f"the image may have no {program}"
        return
    try:
        _parsed(words)
    except _Mistaken as mistake:
        yield str(mistake)


def _policy(documents: Documents, pod: Pod, container: Mapping[str, Any], told: argparse.Namespace) -> Policy:
    folder, _, file = str(told.policy).rpartition("/")
    mount = next((one for one in container.get("volumeMounts", []) if one["mountPath"] == folder), None)
    if mount is None:
        raise _Mistaken(f"nothing is mounted at {folder}, where its policy should be")
    if "subPath" in mount:
        raise _Mistaken(f"{folder} is mounted by subPath, which never sees a change")
    volume = next((one for one in pod.spec.get("volumes", []) if one["name"] == mount["name"]), {})
    name = volume.get("configMap", {}).get("name", "")
    found = documents.get("ConfigMap", name, pod.namespace)
    if found is None:
        raise _Mistaken(f"no ConfigMap {name} with its policy")
    text = contents(found).get(file)
    if text is None:
        raise _Mistaken(f"ConfigMap {name} has no {file}")
    try:
        known = environment(documents, pod, container)
        return parse_policy(text, file=name, environment=known, admin=told.admin)
    except BadConfig as bad:
        raise _Mistaken("; ".join(map(str, bad.mistakes))) from bad


def _wrong_ports(
    documents: Documents, pod: Pod, container: Mapping[str, Any], policy: Policy
) -> Iterator[str]:
    declared = {port.get("name"): port["containerPort"] for port in container.get("ports", [])}
    addresses = [store.listen for store in policy.stores]
    addresses += [policy.rerank_api.listen] if policy.rerank_api is not None else []
    for host, port in map(split_address, addresses):
        if port not in declared.values():
            yield f"listens on {port}, which is none of its ports"
        inside = host in ("127.0.0.1", "::1", "localhost")
        asked = _asked_through_a_service(documents, pod, port)
        if asked and inside:
            yield f"listens on {host}:{port}, where {asked} does not reach it"
        elif not asked and not inside:
            yield f"listens on {host}:{port}: with no Service in front, this pod alone should reach it"
    if policy.admin is not None:
        _, port = split_address(policy.admin.listen)
        if declared.get("midrank-admin") != port:
            yield f"its admin port is {port}, and midrank-admin is {declared.get('midrank-admin')}"


def _asked_through_a_service(documents: Documents, pod: Pod, port: int) -> str | None:
    for service in documents.of_kind("Service"):
        selector = service["spec"].get("selector")
        if selector is None or pod not in documents.chosen({"matchLabels": selector}, pod.namespace):
            continue
        targets = [one.get("targetPort", one["port"]) for one in service["spec"]["ports"]]
        if port in [pod.port(target) for target in targets]:
            return f"Service/{service['metadata']['name']}"
    return None


def _wrong_probes(container: Mapping[str, Any], policy: Policy) -> Iterator[str]:
    ports = {port.get("name"): port["containerPort"] for port in container.get("ports", [])}
    for probe, paths in PATHS.items():
        if (asks := container.get(probe, {}).get("httpGet")) is None:
            continue
        if asks["path"] not in paths:
            yield f"its {probe} asks {asks['path']}, not {' or '.join(paths)}"
        if policy.admin is None:
            yield f"its {probe} asks an admin port that its policy does not have"
            continue
        host, port = split_address(policy.admin.listen)
        if ports.get(asks["port"], asks["port"]) != port:
            yield f"its {probe} asks port {asks['port']}, and the admin port is {port}"
        if host in ("127.0.0.1", "::1", "localhost"):
            yield f"its {probe} comes from outside the pod, where {host} is not reached"

"""What documents name must be there: ConfigMaps, Secrets, claims, accounts, and the keys inside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.deploy.documents import Documents, Pod, contents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Reference(NamedTuple):
    """Something that a pod takes from another document."""

    kind: str
    name: str
    keys: tuple[str, ...] = ()
    optional: bool = False
    """Whether the pod starts without it."""


def missing_references(documents: Documents) -> Iterator[str]:
    """Tell what pods refer to that is neither here nor optional."""
    for pod in documents.pods:
        for one in _of_pod(pod.spec):
            if one.optional:
                continue
            if not documents.has(one.kind, one.name, pod.namespace):
                yield f"{pod.place}: no {one.kind} {one.name}"
            elif found := documents.get(one.kind, one.name, pod.namespace):
                for key in set(one.keys) - contents(found).keys():
                    yield f"{pod.place}: {one.kind} {one.name} has no key {key}"


def environment(documents: Documents, pod: Pod, container: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables of a container, as far as documents tell; secrets get a stand-in."""
    known: dict[str, str] = {}
    for source in container.get("envFrom", []):
        ((kind, one),) = ((kind, source[key]) for key, kind in _SOURCES if key in source)
        if found := documents.get(kind, one["name"], pod.namespace):
            prefix = source.get("prefix", "")
            known |= {f"{prefix}{name}": value for name, value in contents(found).items()}
    for variable in container.get("env", []):
        value = _value(documents, pod, variable)
        if value is not None:
            for name, before in known.items():
                value = value.replace(f"$({name})", before)
            known[variable["name"]] = value
    return known


_SOURCES = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
_KEYS = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))
_STAND_IN = "known-to-the-cluster-alone"


def _value(documents: Documents, pod: Pod, variable: Mapping[str, Any]) -> str | None:
    """Return a variable's value; None where it is left out."""
    source = variable.get("valueFrom")
    if source is None:
        return str(variable.get("value", ""))
    if "resourceFieldRef" in source:
        return "1"
    for key, kind in _KEYS:
        if (one := source.get(key)) is None:
            continue
        if found := documents.get(kind, one["name"], pod.namespace):
            return contents(found).get(one["key"])
        return None if one.get("optional") else _STAND_IN
    return _STAND_IN


def _of_pod(spec: Mapping[str, Any]) -> Iterator[Reference]:
    account = spec.get("serviceAccountName", "default")
    if account != "default":
        yield Reference("ServiceAccount", account)
    for volume in spec.get("volumes", []):
        for source in (volume, *volume.get("projected", {}).get("sources", [])):
            yield from _of_volume(source)
    for container in (*spec.get("initContainers", []), *spec["containers"]):
        for source in container.get("envFrom", []):
            for key, kind in _SOURCES:
                if key in source:
                    one = source[key]
                    yield Reference(kind, one["name"], optional=one.get("optional", False))
        for variable in container.get("env", []):
            for key, kind in _KEYS:
                if key in variable.get("valueFrom", {}):
                    one = variable["valueFrom"][key]
                    yield Reference(kind, one["name"], (one["key"],), one.get("optional", False))


def _of_volume(source: Mapping[str, Any]) -> Iterator[Reference]:
    if (one := source.get("configMap")) is not None:
        yield Reference("ConfigMap", one["name"], _items(one), one.get("optional", False))
    if (one := source.get("secret")) is not None:
        name = one.get("secretName") or one["name"]
        yield Reference("Secret", name, _items(one), one.get("optional", False))
    if (one := source.get("persistentVolumeClaim")) is not None:
        yield Reference("PersistentVolumeClaim", one["claimName"])


def _items(source: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(item["key"] for item in source.get("items", []))

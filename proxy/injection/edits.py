"""A sidecar as the operations of a JSON Patch (RFC 6902), and what is left when it is taken out again.

Nothing is replaced that can be added, and nothing is touched that is not ours: the patch is as small as the
change, and patches of other webhooks stay beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from proxy import __version__
from proxy.injection import sidecar
from proxy.injection.options import INJECTED, STATUS, Unusable, annotation, data_port
from proxy.injection.patterns import origin
from proxy.injection.trees import duplicates, items, mapping, strings
from proxy.policy_base import base_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.injection.settings import PodOptions, WebhookSettings

Operation = dict[str, Any]


class Variable(NamedTuple):
    """A variable of an app's container, where it stands in the pod, and what it is."""

    container: str
    name: str
    path: str
    was: str


def edits(pod: Mapping[str, Any], options: PodOptions, settings: WebhookSettings) -> tuple[Operation, ...]:
    """Return what puts a sidecar into a pod that is understood and has none.

    Raises:
        Unusable: an environment variable can't be rewritten.
    """
    spec, metadata = pod["spec"], pod["metadata"]
    rewritten = _variables(spec, options)
    _check(rewritten, options)
    status = {
        "version": __version__,
        "shape": "native" if options.native_sidecar else "legacy",
        "volumes": [volume["name"] for volume in sidecar.volumes(options)],
        **({"rewritten": {f"{one.container}/{one.name}": one.was for one in rewritten}} if rewritten else {}),
    }
    made = sidecar.container(pod, options, settings)
    # First: containers are started in order, and whatever starts after it may search through it.
    kind = "initContainers" if options.native_sidecar else "containers"
    return (
        *({"op": "replace", "path": one.path, "value": _ours(one.was, options)} for one in rewritten),
        *_inserted("/spec/volumes", spec.get("volumes"), "-", sidecar.volumes(options)),
        *_inserted(f"/spec/{kind}", spec.get(kind), "0", [made]),
        _put("/metadata/annotations", metadata.get("annotations"), STATUS, orjson.dumps(status).decode()),
        _put("/metadata/labels", metadata.get("labels"), INJECTED, "true"),
    )


def without_sidecar(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pod as it was before an injection; what is not changed is shared with the one given.

    Lists and mappings that are empty then are left out: whether they were there makes no difference.
    """
    metadata, spec = mapping(pod.get("metadata")), mapping(pod.get("spec"))
    annotations, labels = mapping(metadata.get("annotations")), mapping(metadata.get("labels"))
    status = _status(annotations.get(STATUS))
    rewritten = mapping(status.get("rewritten"))
    changes: dict[str, Any] = {
        key: [one for one in items(spec.get(key)) if one.get("name") != sidecar.NAME]
        for key in ("initContainers", "containers")
    }
    mounted = {
        str(mount.get("name"))
        for containers in changes.values()
        for container in containers
        for mount in items(container.get("volumeMounts"))
    }
    gone = set(strings(status.get("volumes"))) - mounted
    changes["volumes"] = [one for one in items(spec.get("volumes")) if str(one.get("name")) not in gone]
    if rewritten:
        changes["containers"] = [_restored(one, rewritten) for one in changes["containers"]]
    kept = {
        "annotations": {key: value for key, value in annotations.items() if key != STATUS},
        "labels": {key: value for key, value in labels.items() if key != INJECTED},
    }
    return _with(pod, {"metadata": _with(metadata, kept), "spec": _with(spec, changes)})


def _variables(spec: Mapping[str, Any], options: PodOptions) -> list[Variable]:
    """Return the variables of the app's containers that are to be rewritten."""
    return [
        Variable(
            str(container["name"]),
            str(variable["name"]),
            f"/spec/containers/{place}/env/{number}/value",
            str(variable.get("value")),
        )
        for place, container in enumerate(spec["containers"])
        for number, variable in enumerate(map(mapping, _list(container.get("env"))))
        if variable.get("name") in options.rewrite_env
    ]


def _check(variables: list[Variable], options: PodOptions) -> None:
    """Raise Unusable unless all that are asked for are there, once in a container, with the store's URL."""
    there = {one.name for one in variables}
    mistakes = [f"no container has {name}" for name in options.rewrite_env if name not in there]
    # What it was would be kept for one of them.
    twice = duplicates((one.container, one.name) for one in variables)
    mistakes += [f"{container} has {name} twice" for container, name in twice]
    for one in variables:
        if _path(one.was) is None:
            mistakes.append(f"{one.name} should be an http URL that stands in the pod, without a password")
        elif options.upstream is not None and origin(one.was) != origin(options.upstream):
            mistakes.append(f"{one.name} is not the URL of {annotation('upstream')}")
    if mistakes:
        raise Unusable(tuple(f"{annotation('rewrite_env')}: {mistake}" for mistake in mistakes))


def _ours(url: str, options: PodOptions) -> str:
    return f"http://127.0.0.1:{data_port(options)}{_path(url)}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _path(value: str) -> str | None:
    """Return the path of a plain URL; None if it is none, or holds what must not be lost."""
    try:
        url = urlsplit(base_url(value, like="", instead=""))
    except ValueError:
        return None
    return None if "$" in value else url.path


def _restored(container: Mapping[str, Any], rewritten: Mapping[str, Any]) -> Mapping[str, Any]:
    name = container.get("name")
    variables = [
        {**variable, "value": rewritten[key]}
        if (key := f"{name}/{variable.get('name')}") in rewritten
        else variable
        for variable in items(container.get("env"))
    ]
    return {**container, "env": variables} if variables else container


def _inserted(path: str, there: object, place: str, added: list[dict[str, Any]]) -> Iterator[Operation]:
    """Yield what adds to a list, and makes it if there is none."""
    if there is None:
        yield {"op": "add", "path": path, "value": added}
        return
    for one in added:
        yield {"op": "add", "path": f"{path}/{place}", "value": one}


def _put(path: str, there: object, key: str, value: str) -> Operation:
    """Return what adds to a mapping, and makes it if there is none."""
    if there is None:
        return {"op": "add", "path": path, "value": {key: value}}
    pointer = key.replace("~", "~0").replace("/", "~1")
    return {"op": "add", "path": f"{path}/{pointer}", "value": value}


def _with(whole: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with changes to what it has, less those that leave nothing."""
    kept = {key: value for key, value in whole.items() if key not in changes or changes[key]}
    return {**kept, **{key: value for key, value in changes.items() if key in kept}}


def _status(written: object) -> Mapping[str, Any]:
    try:
        return mapping(orjson.loads(written)) if isinstance(written, str) else {}
    except orjson.JSONDecodeError:
        return {}

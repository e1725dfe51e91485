"""Reading parsed manifests, in which anything may stand anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=Hashable)


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings of a list; none if it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def strings(value: object) -> list[str]:
    """Return the strings of a list; none if it is no list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def duplicates(values: Iterable[Kind]) -> list[Kind]:
    """Return what there is more than once, each once."""
    return [value for value, count in Counter(values).items() if count > 1]


def is_native_sidecar(container: Mapping[str, Any]) -> bool:
    """Say whether an init container is one that stays: starts first, stops last."""
    return container.get("restartPolicy") == "Always"


def running(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the containers that run side by side: native sidecars and apps."""
    sidecars = [one for one in items(spec.get("initContainers")) if is_native_sidecar(one)]
    return [*sidecars, *items(spec.get("containers"))]

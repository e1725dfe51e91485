"""midrank's container as it is written in several places, told so that they can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxy.injection import sidecar
from proxy.injection.settings import PodOptions, WebhookSettings
from tests.deploy.own_containers import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape = dict[str, Any]


def injected(*, native: bool) -> Shape:
    """Return the shape of what the injector adds, which all others are measured by."""
    options = PodOptions(policy=sidecar.POLICY, native_sidecar=native)
    return shape(sidecar.container({}, options, WebhookSettings()))


def shape(container: Mapping[str, Any]) -> Shape:
    """Return what a container is, less what follows from its policy: data ports, models, where to ask."""
    told = arguments(container)
    compared = {key: value for key, value in container.items() if key not in ("args", "lifecycle")}
    hook = container.get("lifecycle", {}).get("postStart")
    return compared | {
        "drain": {"delay": told.drain_delay_seconds, "seconds": told.drain_seconds},
        "waits": None if hook is None else _without_place(hook["exec"]["command"]),
        "env": {one["name"]: one for one in container["env"]},
        "ports": [port for port in container["ports"] if port["name"] == "midrank-admin"],
        "volumeMounts": [one for one in container["volumeMounts"] if one["name"] != sidecar.MODELS],
    }


def _without_place(command: list[str]) -> list[str]:
    """Leave out where `midrank health` asks: --policy FILE here, --admin HOST:PORT there."""
    where = next(number for number, word in enumerate(command) if word in ("--policy", "--admin"))
    return [*command[:where], *command[where + 2 :]]

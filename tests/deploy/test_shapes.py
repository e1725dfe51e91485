"""midrank's container is written five times, and is the same wherever nothing is said against it.

What the injector makes is what the others are measured by; the chart is in `test_helm_shapes`.
"""

from __future__ import annotations

import pytest
import yaml

from tests.deploy.kustomized import DEPLOY, needs_kubectl
from tests.deploy.own_containers import served
from tests.deploy.shapes import injected, shape
from tests.deploy.shipped import applied

pytestmark = needs_kubectl


def shipped(folder):
    (found,) = served(applied(f"overlays/{folder}"))
    return shape(found.container)


def test_a_native_sidecar_is_what_the_injector_adds():
    assert shipped("sidecar") == injected(native=True)


def test_a_sidecar_of_older_clusters_is_what_the_injector_adds():
    assert shipped("sidecar-legacy") == injected(native=False)


def test_a_gateway_waits_for_its_models_and_takes_longer_to_stop():
    gateway = shipped("gateway")

    assert gateway["startupProbe"]["httpGet"]["path"] == "/warm"
    assert gateway["drain"] == {"delay": 10, "seconds": 15}
    assert gateway["waits"] is None
    own = {"startupProbe", "drain", "waits", "resources"}
    assert without(gateway, own) == without(injected(native=False), own)


def without(told, keys):
    return {key: value for key, value in told.items() if key not in keys}


@pytest.mark.parametrize("name", ["app.yaml", "network-policy.yaml"])
def test_the_app_of_both_sidecar_overlays_is_one_but_for_its_label(name):
    native, legacy = (DEPLOY / "overlays" / one / name for one in ("sidecar", "sidecar-legacy"))

    assert native.read_text().replace("midrank.dev/sidecar: native", "midrank.dev/sidecar: legacy") == (
        legacy.read_text()
    )


@pytest.mark.parametrize("component", ["sidecar", "sidecar-legacy"])
def test_a_component_tells_the_names_that_it_takes(component):
    folder = DEPLOY / "components" / component
    pod = yaml.safe_load((folder / "patch.yaml").read_text())["spec"]["template"]["spec"]
    added = [*pod.get("initContainers", []), *pod.get("containers", []), *pod["volumes"]]
    comment = folder.joinpath("kustomization.yaml").read_text()

    (told,) = [line for line in comment.splitlines() if "What is added is called" in line]
    assert [one["name"] for one in added if one["name"] not in told] == []

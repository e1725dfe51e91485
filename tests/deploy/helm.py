"""The chart as real Helm renders it, for a Kubernetes of any version."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.deploy.documents import load
from tests.deploy.values import CHART

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.deploy.documents import Document

helm = pytest.importorskip(
    "helm_python", reason='Helm comes with the extra: pip install --constraint constraints.txt ".[helm]"'
)
from helm_python import _native  # noqa: E402 - after the check

# What a cluster of today has.
VERSION = "1.33"
NAMESPACE = "midrank-system"


class Rendered:
    """What a release would apply."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.notes = next((text for name, text in files.items() if name.endswith("NOTES.txt")), "")
        self.manifests = {name: text for name, text in files.items() if not name.endswith(".txt")}

    @property
    def documents(self) -> list[Document]:
        """All documents."""
        return [one for text in self.manifests.values() for one in load(text)]

    def one(self, kind: str, name: str | None = None) -> Document:
        """Return the one document of a kind (and name)."""
        found = [one for one in self.documents if one["kind"] == kind]
        (document,) = [one for one in found if name is None or one["metadata"]["name"] == name]
        return document

    def pod(self, workload: str) -> Document:
        """Return the pod template of a Deployment."""
        template: Document = self.one("Deployment", workload)["spec"]["template"]
        return template

    def container(self, workload: str = "midrank-gateway") -> Document:
        """Return the first container of a Deployment."""
        container: Document = self.pod(workload)["spec"]["containers"][0]
        return container

    def kinds(self) -> set[str]:
        """Return the kinds of documents there are."""
        return {one["kind"] for one in self.documents}


def render(
    values: Mapping[str, Any],
    version: str = VERSION,
    chart: Path = CHART,
    name: str = "midrank",
    namespace: str = NAMESPACE,
) -> Rendered:
    """Render a chart.

    Raises:
        helm.HelmError: the values are refused; what it says is what `helm install` would.
    """
    # `Chart.render` can't say for which Kubernetes; what is below it can.
    options = {"name": name, "namespace": namespace, "kube_version": f"v{version}.0"}
    said = _native.call_string(
        "helm_render", _loaded(chart)._raw(), orjson.dumps(values).decode(), orjson.dumps(options).decode()
    )
    return Rendered(orjson.loads(said))


@cache
def _loaded(chart: Path) -> helm.Chart:
    return helm.Chart.load(chart)

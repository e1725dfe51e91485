"""All manifests that are shipped for `kubectl apply -k`, and what each needs of a cluster."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.deploy.documents import Documents, load
from tests.deploy.kustomized import DEPLOY, kustomized, with_component

if TYPE_CHECKING:
    from tests.deploy.documents import Document


class Shipped(NamedTuple):
    """A folder under deploy/, alone or with a component that users may add to it."""

    folder: str
    component: str = ""
    since: int = 25
    """The first minor version of Kubernetes 1 whose API knows all of it."""
    elsewhere: frozenset[str] = frozenset({"Service/chroma"})
    """What the cluster is expected to have already."""

    @property
    def name(self) -> str:
        """What it is called in tables and tests."""
        return f"{self.folder} + {self.component}" if self.component else self.folder


_MATCH_CONDITIONS, _NATIVE, _IMAGE_VOLUME = 27, 28, 31
_SHAPES = {"overlays/sidecar": _NATIVE, "overlays/sidecar-legacy": 25, "overlays/gateway": 25}
_COMPONENTS = {
    "guaranteed": 25,
    "openshift": 25,
    "models-init": 25,
    "models-claim": 25,
    "models-image": _IMAGE_VOLUME,
}
_INJECTOR = (("injector/base", ""), ("injector/cert-manager", ""), ("injector/base", "components/openshift"))

SHIPPED = (
    *(Shipped(folder, since=since) for folder, since in _SHAPES.items()),
    Shipped("overlays/gpu"),
    Shipped("examples/rag-app", since=_NATIVE, elsewhere=frozenset()),
    *(
        Shipped(folder, f"components/{component}", max(since, needed))
        for component, needed in _COMPONENTS.items()
        for folder, since in _SHAPES.items()
    ),
    *(
        Shipped(folder, component, _MATCH_CONDITIONS, frozenset({"Secret/midrank-injector-tls"}))
        for folder, component in _INJECTOR
    ),
    Shipped(
        "components/models-claim/fill.yaml", elsewhere=frozenset({"PersistentVolumeClaim/midrank-models"})
    ),
)


def applied(name: str) -> Documents:
    """Return what is shipped under a name, as it would be applied."""
    shipped = next(one for one in SHIPPED if one.name == name)
    return Documents(documents_of(shipped), shipped.elsewhere)


@cache
def documents_of(shipped: Shipped) -> list[Document]:
    """Render what is shipped."""
    path = DEPLOY / shipped.folder
    if path.is_file():
        return load(path.read_text())
    if not shipped.component:
        return kustomized(path)
    with tempfile.TemporaryDirectory() as scratch:
        # Kustomize takes no symbolic link for a part of a path.
        return kustomized(with_component(shipped.component, Path(scratch).resolve(), path))

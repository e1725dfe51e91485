"""What `kubectl kustomize` makes of the folders under deploy/."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deploy.documents import load

if TYPE_CHECKING:
    from tests.deploy.documents import Document

DEPLOY = Path(__file__).parents[2] / "deploy"
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on PATH")


class NotRendered(Exception):
    """Kustomize refused; carries what it said."""


def kustomized(folder: Path) -> list[Document]:
    """Render a folder with a kustomization.

    Raises:
        NotRendered: it can't be.
    """
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    # Kustomize warns of what it will not do for ever: that would be next year's mistake.
    if done.returncode or done.stderr:
        raise NotRendered(done.stderr)
    return load(done.stdout)


def with_component(component: str, folder: Path, *resources: Path) -> Path:
    """Write a kustomization into `folder` that adds a component to resources, as a user's would."""
    lines = ["resources:", *(f"  - {os.path.relpath(one, folder)}" for one in resources)]
    lines += ["components:", f"  - {os.path.relpath(DEPLOY / component, folder)}"]
    (folder / "kustomization.yaml").write_text("\n".join(lines))
    return folder

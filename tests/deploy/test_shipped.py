"""What is shipped for `kubectl apply -k` is right: every document, every combination, every version."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.kustomized import DEPLOY, needs_kubectl
from tests.deploy.manifests import problems
from tests.deploy.schemas import VERSIONS
from tests.deploy.shipped import SHIPPED, documents_of
from tests.deploy.versions import mistakes, table

pytestmark = needs_kubectl

ALL = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda one: one.name)


@ALL
def test_nothing_in_it_is_missing_or_contradicts_something_else(shipped):
    assert problems(documents_of(shipped), shipped.elsewhere) == []


@ALL
def test_every_version_takes_it_that_knows_what_it_needs(shipped):
    taking = [version for version in VERSIONS if not mistakes(shipped, version)]

    assert taking == [version for version in VERSIONS if int(version[2:]) >= shipped.since]


def test_older_versions_refuse_just_what_they_do_not_know():
    by_name = {shipped.name: shipped for shipped in SHIPPED}

    (sidecar,) = mistakes(by_name["overlays/sidecar"], "1.27")
    (volume,) = mistakes(by_name["overlays/gateway + components/models-image"], "1.30")

    assert sidecar.startswith("$.spec.template.spec.initContainers[0]: ")
    assert "'restartPolicy' was unexpected" in sidecar
    assert volume.startswith("$.spec.template.spec.volumes")
    assert "'image' was unexpected" in volume


def test_every_kustomization_is_among_those_that_are_tested():
    folders = {str(path.parent.relative_to(DEPLOY)) for path in DEPLOY.glob("*/*/kustomization.yaml")}

    tested = {shipped.folder for shipped in SHIPPED} | {shipped.component for shipped in SHIPPED}
    inside_overlays = {"components/sidecar", "components/sidecar-legacy"}
    assert folders == (tested & folders) | inside_overlays


def test_the_table_in_the_docs_is_what_was_validated():
    docs = Path(DEPLOY.parent, "docs", "kubernetes.md").read_text()

    assert table() in docs, "python -m tests.deploy.versions prints it"

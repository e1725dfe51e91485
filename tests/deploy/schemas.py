"""The API's own schemas, Kubernetes 1.25 to 1.37, strict: an unknown key is a mistake.

They are those of the package `kubernetes-validate`, which reads one and a half megabytes for every document;
here that is done once a version.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
from referencing import Registry, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

# Resources of others, whose schemas come with what they belong to.
OTHERS = ("cert-manager.io/", "monitoring.coreos.com/")
VERSIONS = tuple(f"1.{minor}" for minor in range(25, 38))


def schema_mistakes(document: Mapping[str, Any], version: str) -> list[str]:
    """Return what a Kubernetes of this version finds wrong with a document by itself; `[]`: nothing."""
    if document["apiVersion"].startswith(OTHERS):
        return []
    return _mistakes(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), version)


@cache  # manifests that differ by a component have most documents in common
def _mistakes(written: bytes, version: str) -> list[str]:
    document = orjson.loads(written)
    validator = _validator(document["apiVersion"], document["kind"], version)
    if validator is None:
        return [f"there is no {document['apiVersion']} {document['kind']}"]
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@cache
def _validator(api_version: str, kind: str, version: str) -> jsonschema.protocols.Validator | None:
    # Files are named by the first word of the group: rbac.authorization.k8s.io/v1 is rbac-v1.
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    file = _folder(version) / f"{kind.lower()}-{group}.json"
    if not file.is_file():
        return None
    schema = orjson.loads(file.read_bytes())
    return jsonschema.Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    definitions = orjson.loads((_folder(version) / "_definitions.json").read_bytes())
    return Resource.from_contents(definitions) @ Registry()


def _folder(version: str) -> Any:
    return files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict"

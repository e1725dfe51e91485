"""Kubernetes documents that are applied together: found by name, and the pods that come of them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# As `yaml.safe_load` gives it.
Document = dict[str, Any]


class Pod(NamedTuple):
    """A pod, or the template that a workload makes pods of."""

    place: str
    """What it is called in findings, such as `Deployment/gateway`."""
    namespace: str
    template: Document
    claimed: tuple[str, ...] = ()
    """The volumes that a StatefulSet gives it."""

    @property
    def spec(self) -> Document:
        """What runs in it."""
        spec: Document = self.template["spec"]
        return spec

    @property
    def labels(self) -> Mapping[str, str]:
        """What selectors look at."""
        return self.template.get("metadata", {}).get("labels") or {}

    @property
    def containers(self) -> list[Document]:
        """All containers, those of the start first."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def staying(self) -> list[Document]:
        """The containers that run as long as the pod does: native sidecars, and the usual ones."""
        sidecars = [
            one for one in self.spec.get("initContainers", []) if one.get("restartPolicy") == "Always"
        ]
        return [*sidecars, *self.spec["containers"]]

    def port(self, wanted: int | str) -> int | None:
        """Return the number of a port that some container declares under this name, or number."""
        ports = [port for one in self.staying for port in one.get("ports", [])]
        return next((port["containerPort"] for port in ports if wanted in _names(port)), None)


class Documents:
    """Documents by kind, namespace and name."""

    def __init__(self, documents: Iterable[Document], elsewhere: Iterable[str] = ()) -> None:
        """Take what is applied together, and what the cluster has already, as `Kind/name`."""
        self.all = [one for one in documents if one]
        self._elsewhere = frozenset(elsewhere)

    def __iter__(self) -> Iterator[Document]:
        return iter(self.all)

    def of_kind(self, kind: str) -> list[Document]:
        """Return the documents of a kind."""
        return [one for one in self.all if one["kind"] == kind]

    def get(self, kind: str, name: str, namespace: str) -> Document | None:
        """Return one document, if it is here."""
        return next((one for one in self.of_kind(kind) if _key(one) == (namespace, name)), None)

    def has(self, kind: str, name: str, namespace: str) -> bool:
        """Say whether something is here, or in the cluster already."""
        return f"{kind}/{name}" in self._elsewhere or self.get(kind, name, namespace) is not None

    @property
    def pods(self) -> list[Pod]:
        """The pods of all workloads."""
        return [pod for one in self.all if (pod := pod_of(one)) is not None]

    def chosen(self, selector: Mapping[str, Any], namespace: str) -> list[Pod]:
        """Return the pods of a namespace that a label selector chooses."""
        return [pod for pod in self.pods if pod.namespace == namespace and matches(selector, pod.labels)]


def load(text: str) -> list[Document]:
    """Read the documents of a YAML stream; empty ones are left out, and lists are opened."""
    documents = [one for one in yaml.load_all(text, Loader=_Loader) if one]
    return [item for one in documents for item in (one["items"] if one["kind"] == "List" else [one])]


# In C, where it is there: many times as fast.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """As the API server reads: a key given twice is a mistake, not the last one's."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1 and name != "<<"}:
            raise yaml.constructor.ConstructorError(None, None, f"given twice: {twice}", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def place(document: Document) -> str:
    """Return what a document is called in findings."""
    return f"{document['kind']}/{document['metadata']['name']}"


def namespace(document: Document) -> str:
    """Return the namespace that a document names, or nothing."""
    return str(document["metadata"].get("namespace", ""))


def pod_of(document: Document) -> Pod | None:
    """Return the pod that a document is, or makes; None if it makes none."""
    spec = document.get("spec") or {}
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template = document if document["kind"] == "Pod" else spec.get("template")
    if not isinstance(template, dict) or "containers" not in template.get("spec", {}):
        return None
    claims = spec.get("volumeClaimTemplates", [])
    claimed = tuple(one["metadata"]["name"] for one in claims)
    return Pod(place(document), namespace(document), template, claimed)


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a label selector (`matchLabels`, `matchExpressions`) chooses these labels; empty: all."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        _holds(one, labels) for one in selector.get("matchExpressions") or []
    )


def contents(document: Document) -> dict[str, str]:
    """Return what a ConfigMap or a Secret holds, as text."""
    coded = document.get("data") or {}
    plain = {**(document.get("stringData") or {})}
    if document["kind"] == "Secret":
        return {**{name: base64.b64decode(value).decode() for name, value in coded.items()}, **plain}
    return {name: str(value) for name, value in coded.items()}


def _key(document: Document) -> tuple[str, str]:
    return namespace(document), document["metadata"]["name"]


def _names(port: Mapping[str, Any]) -> Sequence[int | str]:
    return [port["containerPort"], *([port["name"]] if "name" in port else [])]


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, among = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in among
        case "NotIn":
            return value not in among
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise ValueError(f"no such operator: {other}")

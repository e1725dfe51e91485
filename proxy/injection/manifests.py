"""Manifests with the sidecar in their pod templates, or without it again; the rest stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jsonpatch

from proxy.injection.edits import without_sidecar
from proxy.injection.injector import Injection, Outcome, injection
from proxy.injection.options import PREFIX, SOURCES
from proxy.injection.pods import is_ours
from proxy.injection.trees import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from proxy.injection.settings import WebhookSettings

Template = dict[str, Any]

# Where the pods of each kind are described, by API group.
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a workload, in a word, and lines for people."""

    word: str
    notes: tuple[str, ...] = ()
    failed: bool = False


class Filter:
    """Changes documents in place, and keeps what is to be told of each workload."""

    def __init__(self, change: Callable[[Template], tuple[Template | None, Told]]) -> None:
        """Take what changes a pod template: it returns the new one, or None if it stays as it is."""
        self._change = change
        # The kind and name of each workload, and what became of it.
        self.told: list[tuple[str, Told]] = []

    def apply(self, document: Any, api: object = "", kind: object = "") -> bool:
        """Change a document, or the items of a list; return whether anything has changed.

        `api` and `kind` are what it is where it doesn't say so itself, as the items of a PodList.
        """
        if not isinstance(document, dict):
            return False
        api, kind = str(document.get("apiVersion", api)), str(document.get("kind", kind))
        if kind.endswith("List") and isinstance(document.get("items"), list):
            changed = [self.apply(item, api, kind.removesuffix("List")) for item in document["items"]]
            return any(changed)
        path = TEMPLATES.get((api.rpartition("/")[0], kind))
        if path is None:
            self.told += [(_where(kind, document), Told("left alone", notes)) for notes in _unknown(document)]
            return False
        template: Any = document
        for key in path:
            template = mapping(template).get(key)
        if not isinstance(template, dict):
            return False
        new, told = self._change(template)
        told = replace(told, notes=(*told.notes, *_misplaced(document, path)))
        self.told.append((_where(kind, document), told))
        if new is not None:
            template.clear()
            template.update(new)
        return new is not None


def injecting(settings: WebhookSettings, flags: Mapping[str, str]) -> Filter:
    """Return what puts the sidecar in: everywhere if flags say what to run, else where it is asked for."""
    asked = bool(flags.keys() & SOURCES)

    def change(template: Template) -> tuple[Template | None, Told]:
        # A template may have no metadata, where an API server's pods always do.
        whole = template if "metadata" in template else {"metadata": None, **template}
        whole = {**whole, "metadata": {} if whole["metadata"] is None else whole["metadata"]}
        try:
            decision = injection(whole, settings, flags=flags, asked=asked, trusted=True)
        except Exception as error:  # noqa: BLE001 - the other workloads shall have theirs
            why = f"no sidecar: a mistake of midrank's own, {type(error).__name__}"
            decision = Injection(Outcome.FAILED, notes=(why,))
        failed = decision.outcome in (Outcome.REFUSED, Outcome.FAILED)
        told = Told(decision.outcome.value.replace("_", " "), decision.notes, failed)
        if not decision.patch:
            return None, told
        # Not through a copy: words must stay as they were written.
        return dict(jsonpatch.apply_patch(whole, [*decision.patch], in_place=True)), told

    return Filter(change)


def removing() -> Filter:
    """Return what takes out a sidecar that an injection has put in."""

    def change(template: Template) -> tuple[Template | None, Told]:
        if not is_ours(template):
            return None, Told("nothing to remove")
        return without_sidecar(template), Told("removed")

    return Filter(change)


def _where(kind: str, document: Mapping[str, Any]) -> str:
    metadata = mapping(document.get("metadata"))
    name = metadata.get("name") or metadata.get("generateName") or "(no name)"
    namespace = metadata.get("namespace")
    return f"{kind} {f'{namespace}/' if namespace else ''}{name}"


def _misplaced(document: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a line about annotations that are on a workload instead of its pods."""
    found = _ours(document) if path else []
    return tuple(f"{key}: has no effect here, it belongs into {'.'.join(path)}.metadata" for key in found)


def _unknown(document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a line about a kind that isn't known and has pods that speak of a sidecar."""
    if _ours(mapping(mapping(document.get("spec")).get("template"))):
        yield ("this kind is not known here: only the webhook can inject its pods",)


def _ours(template: Mapping[str, Any]) -> list[str]:
    annotations = mapping(mapping(template.get("metadata")).get("annotations"))
    return [str(key) for key in annotations if str(key).startswith(PREFIX)]

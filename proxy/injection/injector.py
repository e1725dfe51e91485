"""Whether a pod gets a sidecar, and the patch that puts it there, tried before it is given away.

An API server refuses a pod whose patch does not apply, or is not valid afterwards, even where the webhook's
`failurePolicy` is Ignore. So a patch is applied here first; it is given away only if the pod has no mistake
that it did not have before, and is the same as before when the sidecar is taken out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import jsonpatch
import orjson

from proxy.injection.edits import Operation, edits, without_sidecar
from proxy.injection.options import INJECT, Unusable, has_options, pod_options, unknown, wish
from proxy.injection.pod_checks import pod_mistakes
from proxy.injection.pods import has_sidecar, is_ours, is_understood, obstacles, remarks
from proxy.injection.trees import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.injection.settings import WebhookSettings


class Outcome(Enum):
    """What became of a pod."""

    INJECTED = "injected"
    PRESENT = "present"
    NOT_ASKED = "not_asked"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Injection:
    """What to do with a pod: `patch` is empty unless it is injected, `notes` are lines for people."""

    outcome: Outcome
    patch: tuple[Operation, ...] = ()
    notes: tuple[str, ...] = ()


def injection(
    pod: Mapping[str, Any],
    settings: WebhookSettings,
    *,
    flags: Mapping[str, str] | None = None,
    asked: bool = False,
    trusted: bool = False,
) -> Injection:
    """Decide about a pod, or the template of one.

    `flags` are options for what its annotations don't say. `asked`: it gets a sidecar unless it says no; else
    it must say yes. `trusted`: it may have any image and store.
    """
    metadata = mapping(pod.get("metadata"))
    annotations = mapping(metadata.get("annotations"))
    notes = tuple(unknown(annotations))
    try:
        if is_ours(pod):
            return Injection(Outcome.PRESENT)
        wanted = wish(metadata)
        if wanted is False or not (wanted or asked):
            forgotten = wanted is None and has_options(annotations)
            notes = (f'{INJECT} is not "true": no sidecar',) if forgotten else ()
            return Injection(Outcome.NOT_ASKED, notes=notes)
        if not is_understood(pod):
            return _refusal("this is not a pod that midrank understands")
        if has_sidecar(pod):
            return _refusal("there is a container midrank that no injection has made")
        options = pod_options(annotations, settings, flags or {}, trusted=trusted)
        if reasons := tuple(obstacles(pod, options)):
            return _refusal(*reasons, *notes)
        patch = edits(pod, options, settings)
    except Unusable as error:
        return _refusal(*error.mistakes, *notes)
    if doubts := _doubts(pod, patch):
        return Injection(Outcome.FAILED, notes=tuple(f"no sidecar: {doubt}" for doubt in doubts))
    return Injection(Outcome.INJECTED, patch, (*notes, *remarks(pod, options)))


def patched(pod: Mapping[str, Any], patch: tuple[Operation, ...]) -> dict[str, Any]:
    """Return a pod with a patch applied; the one given stays as it is."""
    # YAML has keys that JSON does not; who has them is not the same afterwards, and is left alone.
    copy = orjson.loads(orjson.dumps(pod, option=orjson.OPT_NON_STR_KEYS))
    applied: dict[str, Any] = jsonpatch.apply_patch(copy, [*patch], in_place=True)
    return applied


def _refusal(*reasons: str) -> Injection:
    return Injection(Outcome.REFUSED, notes=tuple(f"no sidecar: {reason}" for reason in reasons))


def _doubts(pod: Mapping[str, Any], patch: tuple[Operation, ...]) -> tuple[str, ...]:
    """Return why a patch must not be given away."""
    try:
        new = patched(pod, patch)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        return ("the patch does not apply",)
    had = frozenset(pod_mistakes(pod))
    if brought := tuple(mistake for mistake in pod_mistakes(new) if mistake not in had):
        return brought
    # Of the pod itself, too, which has none: what is empty makes no difference.
    if without_sidecar(new) != without_sidecar(pod):
        return ("the patch would change more than it should",)
    return ()

"""An AdmissionReview answered: always allowed, with a patch only where everything is certain.

1. The pod asks for a sidecar, and the patch has been tried: allowed, with the patch.
2. There is nothing to do, or there is any doubt: allowed, without a patch; warnings say why.
3. The body has no `uid` to answer to, or is larger than any pod: `Unreadable`, and the API server goes by the
   failurePolicy.

Source: kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers, tried against an
API server 1.36.2. The answer echoes the review's apiVersion and uid; whatever else it holds must be right,
since a patch that does not apply blocks the pod even under failurePolicy Ignore.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from proxy.injection.injector import Injection, Outcome, injection
from proxy.injection.trees import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.injection.settings import WebhookSettings

VERSION = "admission.k8s.io/v1"
# Longer ones may be cut, and clients show one a line.
MAX_WARNING = 120
MAX_WARNINGS = 8
# Values of a review, counted by what parts them. Pods have some hundred; a body can hold a million, and each
# takes time, and 20 times as much memory as text.
MAX_VALUES = 100_000
# What is not to be looked at and needs no warning either.
_NOTHING = Injection(Outcome.NOT_ASKED)

_log = logging.getLogger(__name__)


class Unreadable(Exception):
    """A body that is no AdmissionReview; `str(error)` says what is missing, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of the answer, and what became of the pod."""

    body: bytes
    outcome: Outcome


def reviewed(body: bytes, settings: WebhookSettings) -> Answer:
    """Return the answer to an AdmissionReview.

    Raises:
        Unreadable: there is nothing to answer to.
    """
    if sum(map(body.count, (b"{", b"[", b","))) > MAX_VALUES:
        raise Unreadable("the body should be no larger than a pod can be")
    try:
        review = mapping(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise Unreadable("the body should be JSON") from error
    request = mapping(review.get("request"))
    version, uid = review.get("apiVersion"), request.get("uid")
    if not isinstance(version, str) or not isinstance(uid, str) or not version or not uid:
        raise Unreadable("the body should be an AdmissionReview with apiVersion and request.uid")
    try:
        decision = _decision(version, request, settings)
    except Exception:  # noqa: BLE001 - whatever it is, the pod must be admitted
        _log.error("review failed", exc_info=True)  # the formatter leaves the exception's message out
        decision = Injection(Outcome.FAILED, notes=("no sidecar: a mistake of midrank's own, see its log",))
    _tell(request, decision)
    return answer(version, uid, decision)


def answer(version: str, uid: str, decision: Injection) -> Answer:
    """Return an answer that allows the pod, with what has been decided about it."""
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if decision.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(decision.patch)).decode()
    if decision.notes:
        response["warnings"] = _lines(decision.notes)
    review = {"apiVersion": version, "kind": "AdmissionReview", "response": response}
    return Answer(orjson.dumps(review), decision.outcome)


def _decision(version: str, request: Mapping[str, Any], settings: WebhookSettings) -> Injection:
    if version != VERSION:
        return Injection(Outcome.FAILED, notes=(f"no sidecar: only {VERSION} is understood",))
    resource = mapping(request.get("resource"))
    creates = request.get("operation") == "CREATE" and not request.get("subResource")
    pods = (resource.get("group", ""), resource.get("version"), resource.get("resource")) == (
        "",
        "v1",
        "pods",
    )
    if not creates or not pods:
        return _NOTHING
    pod = request.get("object")
    if not isinstance(pod, dict) or pod.get("kind") != "Pod" or pod.get("apiVersion") != "v1":
        return Injection(Outcome.REFUSED, notes=("no sidecar: request.object is not a v1 Pod",))
    return injection(pod, settings)


def _lines(notes: tuple[str, ...]) -> list[str]:
    """Return notes for people: whoever creates a pod says how many there are, and what is in them."""
    lines = [f"midrank: {note[:MAX_WARNING]}" for note in notes[:MAX_WARNINGS]]
    lines = ["".join(letter if letter.isprintable() else " " for letter in line) for line in lines]
    return [line if len(line) <= MAX_WARNING else line[: MAX_WARNING - 3] + "..." for line in lines]


def _tell(request: Mapping[str, Any], decision: Injection) -> None:
    """Log what became of a pod that spoke of a sidecar; a dry run leaves no trace, as it must."""
    if decision.outcome is Outcome.NOT_ASKED or request.get("dryRun") is True:
        return
    metadata = mapping(mapping(request.get("object")).get("metadata"))
    fields = {
        "uid": request.get("uid"),
        "namespace": request.get("namespace"),
        # Pods of a ReplicaSet get their name later.
        "pod": request.get("name") or metadata.get("generateName"),
        "outcome": decision.outcome.value,
        "notes": _lines(decision.notes),
    }
    _log.log(
        logging.INFO if decision.outcome is not Outcome.FAILED else logging.WARNING,
        "pod reviewed",
        extra=fields,
    )

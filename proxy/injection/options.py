"""The annotations of a pod, read: what its sidecar shall be like, or what is wrong with them."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proxy.injection.patterns import allowed_by, origin
from proxy.injection.quantities import amount
from proxy.injection.settings import PodOptions, SidecarSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

    from proxy.injection.settings import WebhookSettings

PREFIX = "midrank.dev/"
INJECT, STATUS, INJECTED = f"{PREFIX}inject", f"{PREFIX}status", f"{PREFIX}injected"
# On namespaces, where a MutatingWebhookConfiguration looks.
NAMESPACE_LABEL = f"{PREFIX}injection"
DATA_PORTS = {"chroma": 8001, "qdrant": 6433}
# Not the names of an option, though they begin as those do.
_OTHERS = frozenset((INJECT, STATUS, INJECTED, NAMESPACE_LABEL))
# What the sidecar runs is said by these, all of them from the same place.
SOURCES = frozenset(("policy", "store", "upstream"))
# Comparing names takes time, and whoever creates pods can make up any number of any length.
_MAX_UNKNOWN, _MAX_COMPARED = 8, 80


class Unusable(Exception):
    """Annotations that are wrong; `mistakes` has a line for each, without the values."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        """Keep all of them."""
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def annotation(field: str) -> str:
    """Return the annotation of an option."""
    return PREFIX + field.replace("_", "-")


def wish(metadata: Mapping[str, Any]) -> bool | None:
    """Return what `midrank.dev/inject` says, as a label or an annotation; None where there is none.

    Raises:
        Unusable: it says neither true nor false, or both.
    """
    said = {
        str(where[INJECT])
        for key in ("labels", "annotations")
        if isinstance(where := metadata.get(key), dict) and INJECT in where
    }
    if not said:
        return None
    if len(said) > 1 or not said <= {"true", "false"}:
        raise Unusable((f'{INJECT}: should be "true" or "false"',))
    return said == {"true"}


def has_options(annotations: Mapping[str, Any]) -> bool:
    """Say whether annotations tell what a sidecar shall be like."""
    return any(annotation(field) in annotations for field in PodOptions.model_fields)


def unknown(annotations: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each of the first annotations that look like ours and are none."""
    known = [annotation(field) for field in PodOptions.model_fields]
    expected = _OTHERS.union(known)
    others = (name for name in annotations if name.startswith(PREFIX) and name not in expected)
    for name in islice(others, _MAX_UNKNOWN):
        close = difflib.get_close_matches(name, known, n=1) if len(name) <= _MAX_COMPARED else []
        yield f"{name}: unknown{f', did you mean {close[0]}?' if close else ''}"


def without_auto(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without the one value that says what the settings say: `native-sidecar: auto`."""
    return {key: value for key, value in given.items() if (key, value) != ("native_sidecar", "auto")}


def pod_options(
    annotations: Mapping[str, Any], settings: WebhookSettings, flags: Mapping[str, str], *, trusted: bool
) -> PodOptions:
    """Return what a pod's annotations ask for; what they don't say the flags do, and then the settings.

    `trusted`: whoever asks may have any image and store.

    Raises:
        Unusable: a value is wrong, or not allowed.
    """
    said = {
        field: annotations[annotation(field)]
        for field in PodOptions.model_fields
        if annotation(field) in annotations
    }
    # A pod that says where its policy is from says all of it.
    backed = {key: value for key, value in flags.items() if not (key in SOURCES and said.keys() & SOURCES)}
    given = without_auto({**backed, **said})
    defaults = {field: getattr(settings, field) for field in SidecarSettings.model_fields}
    try:
        options = PodOptions.model_validate(_agreeing(given, defaults))
    except ValidationError as error:
        raise Unusable(tuple(_mistake(detail) for detail in error.errors(include_url=False))) from error
    mistakes = tuple(_refused(options, settings, given, trusted=trusted))
    if mistakes:
        raise Unusable(mistakes)
    return options


def data_port(options: PodOptions) -> int | None:
    """Return where the app finds midrank, if that is known."""
    return options.port or (DATA_PORTS[options.store] if options.store is not None else None)


def _agreeing(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; where a request or limit contradicts the default of the other, the default gives way."""
    merged = {**defaults, **given}
    for resource in ("cpu", "memory"):
        request, limit = f"{resource}_request", f"{resource}_limit"
        least, most = amount(merged[request]), amount(merged[limit])
        if least is not None and most is not None and least > most:
            if request not in given:
                merged[request] = merged[limit]
            elif limit not in given:
                merged[limit] = merged[request]
    return merged


def _refused(
    options: PodOptions, settings: WebhookSettings, given: Mapping[str, Any], *, trusted: bool
) -> Iterator[str]:
    for resource in ("cpu", "memory"):
        least = amount(getattr(options, f"{resource}_request"))
        most = amount(getattr(options, f"{resource}_limit"))
        if least is not None and most is not None and least > most:
            yield f"{annotation(f'{resource}_request')}: at most {annotation(f'{resource}_limit')}"
    if data_port(options) == options.admin_port:
        yield f"{annotation('port')}: not {options.admin_port}, where the probes ask"
    if trusted:
        return
    if (
        "image" in given
        and options.image != settings.image
        and not allowed_by(settings.images, options.image)
    ):
        yield f"{annotation('image')}: not one that this cluster allows"
    stores = settings.upstreams
    if (
        options.upstream is not None
        and stores is not None
        and not allowed_by(stores, origin(options.upstream))
    ):
        yield f"{annotation('upstream')}: not a store that this cluster allows"


def allowed(detail: ErrorDetails) -> str:
    """Return what a wrong value should be, and not the value: it may hold a password."""
    if detail["type"] == "string_pattern_mismatch":
        return "should be a name or image as Kubernetes takes it"
    return detail["msg"].removeprefix("Value error, ").replace("Input should be", "should be")


def _mistake(detail: ErrorDetails) -> str:
    return f"{annotation(str(detail['loc'][0]))}: {allowed(detail)}" if detail["loc"] else allowed(detail)

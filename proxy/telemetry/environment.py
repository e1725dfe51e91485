"""The standard `OTEL_*` variables as settings; what they ask for that is not there is refused at the start.

The SDK itself reads those of endpoints, headers, batches, limits and resources; where it would warn about a
value (a header's too, which it tells whole) and go on with another, it never gets to see it. Specification:
opentelemetry.io/docs/specs/otel, configuration/sdk-environment-variables and protocol/exporter.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from proxy.errors import BadConfig, Mistake
from proxy.telemetry.telemetry import Manner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Environment = Mapping[str, str]

_EXPORTERS = {
    "TRACES": ("otlp", "console", "none"),
    "METRICS": ("otlp", "prometheus", "console", "none"),
    "LOGS": ("otlp", "console", "none"),
}
_PROTOCOLS = ("http/protobuf", "grpc")
_SAMPLERS = tuple(
    parent + kind for parent in ("parentbased_", "") for kind in ("always_on", "always_off", "traceidratio")
)
# The last ones are headers that pass through midrank as they came, so apps may go on using them.
_PROPAGATORS = ("tracecontext", "baggage", "none", "b3", "b3multi", "jaeger", "xray", "ottrace")
_COMPRESSIONS = ("gzip", "none")
_EXEMPLARS = ("always_on", "always_off", "trace_based")
# NAME=VALUE, both of what the SDK takes: no quotation marks, semicolons or backslashes.
_HEADER = re.compile(r"[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[ !#-+\--:<-\[\]-~]*")
# Of an exporter's TLS: each names a file.
_FILES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
# Seconds for one export; what is beyond is no time to the SDK any more.
_LONGEST = 86_400.0
# The spans or records that a batch and a queue have by default; the queue of spans is ours.
_BATCHES = {"BSP": (512, 8192), "BLRP": (512, 2048)}
_LIMITS = tuple(
    f"OTEL_{what}_LIMIT"
    for what in (
        "ATTRIBUTE_COUNT",
        "ATTRIBUTE_VALUE_LENGTH",
        "SPAN_ATTRIBUTE_COUNT",
        "SPAN_ATTRIBUTE_VALUE_LENGTH",
        "SPAN_EVENT_COUNT",
        "SPAN_LINK_COUNT",
        "EVENT_ATTRIBUTE_COUNT",
        "LINK_ATTRIBUTE_COUNT",
    )
)
_COUNTS = (
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BLRP_SCHEDULE_DELAY",
    "OTEL_BLRP_MAX_QUEUE_SIZE",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_METRIC_EXPORT_TIMEOUT",
)


class Signal(NamedTuple):
    """Where traces, metrics or logs go, and in which protocol, if that is a collector."""

    exporters: frozenset[str] = frozenset()
    protocol: str = _PROTOCOLS[0]


class Settings(NamedTuple):
    """What the variables say."""

    disabled: bool = False
    traces: Signal = Signal()
    metrics: Signal = Signal()
    logs: Signal = Signal()
    manner: Manner = Manner()


def settings_from(environment: Environment) -> Settings:
    """Return what the variables ask for.

    Raises:
        BadConfig: that is not there, or no such thing exists.
    """
    if _is_true(environment, "OTEL_SDK_DISABLED"):
        return Settings(disabled=True)
    mistakes = dict.fromkeys(_mistakes(environment))  # several signals may have one of them in common
    if mistakes:
        raise BadConfig(tuple(mistakes))
    signals = {signal: _signal(environment, signal) for signal in _EXPORTERS}
    propagators = _words(environment, "OTEL_PROPAGATORS") or _PROPAGATORS[:1]
    hide_inputs, hide_outputs = (
        any(_is_true(environment, f"OPENINFERENCE_HIDE_{side}{what}") for what in ("S", "_TEXT"))
        for side in ("INPUT", "OUTPUT")
    )
    return Settings(
        traces=signals["TRACES"],
        metrics=signals["METRICS"],
        logs=signals["LOGS"],
        manner=Manner(
            traceparent="tracecontext" in propagators,
            gen_ai="gen_ai_latest_experimental" in _words(environment, "OTEL_SEMCONV_STABILITY_OPT_IN"),
            hide_inputs=hide_inputs,
            hide_outputs=hide_outputs,
        ),
    )


def _signal(environment: Environment, signal: str) -> Signal:
    wanted = set(_words(environment, f"OTEL_{signal}_EXPORTER"))
    # Nothing is sent to a collector that nobody has named; logs are on standard error for who collects those.
    if not wanted and signal != "LOGS" and _of_signal(environment, signal, "ENDPOINT")[1]:
        wanted = {"otlp"}
    _, protocol = _of_signal(environment, signal, "PROTOCOL")
    return Signal(frozenset(wanted - {"none"}), protocol or _PROTOCOLS[0])


def _mistakes(environment: Environment) -> Iterator[Mistake]:
    for signal, exporters in _EXPORTERS.items():
        yield from _unknown(environment, f"OTEL_{signal}_EXPORTER", exporters)
        if "otlp" in _signal(environment, signal).exporters:
            for what, allowed in (("PROTOCOL", _PROTOCOLS), ("COMPRESSION", _COMPRESSIONS)):
                yield from _unknown(environment, _of_signal(environment, signal, what)[0], allowed)
            yield from _no_number(environment, _of_signal(environment, signal, "TIMEOUT")[0], _LONGEST)
            yield from _nowhere(*_of_signal(environment, signal, "ENDPOINT"), environment, signal)
            yield from _no_headers(*_of_signal(environment, signal, "HEADERS"))
            for what in _FILES:
                yield from _no_file(*_of_signal(environment, signal, what))
    yield from _unknown(environment, "OTEL_PROPAGATORS", _PROPAGATORS)
    yield from _unknown(environment, "OTEL_TRACES_SAMPLER", _SAMPLERS)
    yield from _unknown(environment, "OTEL_METRICS_EXEMPLAR_FILTER", _EXEMPLARS)
    yield from _no_number(environment, "OTEL_TRACES_SAMPLER_ARG", 1.0)
    for name in _COUNTS:
        if (value := environment.get(name)) and not (value.isdecimal() and int(value)):
            yield _mistake(name, value, "a whole number above 0")
    for name in _LIMITS:
        if (value := environment.get(name, "").strip()) and not (value.isdecimal() or value == "unset"):
            yield _mistake(name, value, "a whole number")
    yield from _too_small(environment)
    if value := environment.get("OTEL_CONFIG_FILE"):
        yield _mistake("OTEL_CONFIG_FILE", value, "the other OTEL_* variables: such files are not read")


def _unknown(environment: Environment, name: str, allowed: tuple[str, ...]) -> Iterator[Mistake]:
    if any(word not in allowed for word in _words(environment, name)):
        yield _mistake(name, environment[name], f"{', '.join(allowed[:-1])} or {allowed[-1]}")


def _nowhere(name: str, value: str, environment: Environment, signal: str) -> Iterator[Mistake]:
    """Tell of an endpoint that leads nowhere; over gRPC it may be a bare HOST:PORT."""
    bare = _of_signal(environment, signal, "PROTOCOL")[1] == "grpc"
    try:
        url = urlsplit(value if "//" in value or not bare else f"//{value}")
        host, port = url.hostname or "", url.port
        good = bool(host.encode("idna")) and port != 0 and (bare or url.scheme in ("http", "https"))
    except ValueError:
        good = False
    if value and not good:
        expected = f"a URL like http://collector:{4317 if bare else 4318}"
        yield Mistake("(environment)", name, "(not shown)" if "@" in value else repr(value), expected)


def _no_headers(name: str, value: str) -> Iterator[Mistake]:
    """Tell of headers that the SDK would leave out; never what they are."""
    if not all(_HEADER.fullmatch(one.strip()) for one in value.split(",") if one.strip()):
        yield Mistake("(environment)", name, "(not shown)", "NAME=VALUE,NAME=VALUE, percent-encoded")


def _no_file(name: str, value: str) -> Iterator[Mistake]:
    if value and not (Path(value).is_file() and os.access(value, os.R_OK)):
        yield _mistake(name, value, "a file that can be read")


def _too_small(environment: Environment) -> Iterator[Mistake]:
    """Tell of queues that a batch does not fit into."""
    for what, defaults in _BATCHES.items():
        names = f"OTEL_{what}_MAX_EXPORT_BATCH_SIZE", f"OTEL_{what}_MAX_QUEUE_SIZE"
        said = [environment.get(name) or "" for name in names]
        batch, queue = (
            int(one) if one.isdecimal() else default for one, default in zip(said, defaults, strict=True)
        )
        if 0 < queue < batch:
            yield _mistake(names[1], str(queue), f"{batch} or more, as {names[0]}")


def _no_number(environment: Environment, name: str, most: float) -> Iterator[Mistake]:
    value = environment.get(name)
    if not value:
        return
    try:
        good = 0 <= float(value) <= most
    except ValueError:
        good = False
    if not good:
        yield _mistake(name, value, f"a number from 0 to {most:g}")


def _mistake(name: str, value: str, expected: str) -> Mistake:
    return Mistake("(environment)", name, repr(value), expected)


def _of_signal(environment: Environment, signal: str, what: str) -> tuple[str, str]:
    """Return the variable that says something about the exporter of a signal, and its value."""
    own, common = f"OTEL_EXPORTER_OTLP_{signal}_{what}", f"OTEL_EXPORTER_OTLP_{what}"
    name = own if environment.get(own) else common
    return name, environment.get(name, "")


def _words(environment: Environment, name: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in environment.get(name, "").split(",") if word.strip())


def _is_true(environment: Environment, name: str) -> bool:
    return environment.get(name, "").strip().lower() == "true"

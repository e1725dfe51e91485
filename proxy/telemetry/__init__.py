"""Traces, metrics and exported logs, by the standard `OTEL_*` variables; off, they cost nothing.

    telemetry.py     what the rest of midrank records with
    names.py         every name of a span, an attribute and a metric
    propagation.py   the caller's trace, taken up and passed on
    attributes.py    what spans say about rankings
    measures.py      what is counted and timed at requests; recent.py: the last minutes of it, for people
    watched.py       figures that parts of midrank tell about themselves; process.py: those of the process
    environment.py   the variables, as settings
    session.py       all of it set up, and flushed at the end
    sdk.py, exporters.py, prometheus.py, log_export.py
                     the OpenTelemetry SDK, imported late

Query text, documents, vectors and credentials are never recorded. The one exception are the spans of a policy
with `telemetry: {text: true}`, which hold the texts of queries and of the first documents.
"""

from proxy.telemetry.attributes import document_attributes, verdict_attributes
from proxy.telemetry.propagation import trace_id
from proxy.telemetry.session import TelemetrySession, telemetry_from_environment
from proxy.telemetry.telemetry import Telemetry
from proxy.telemetry.watched import Told

__all__ = [
    "Telemetry",
    "TelemetrySession",
    "Told",
    "document_attributes",
    "telemetry_from_environment",
    "trace_id",
    "verdict_attributes",
]

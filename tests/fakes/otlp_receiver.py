"""A collector for tests: takes OTLP over HTTP and over gRPC, in the official messages, and keeps all of it.

Both servers run in threads of their own, so that tests and exporters may block as they like.
"""

from __future__ import annotations

import gzip
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

_ASKED = {
    "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
    "/v1/logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
}


class Collected:
    """What has arrived; every view of it is made of plain dicts and lists."""

    def __init__(self) -> None:
        self.http = ""
        self.grpc = ""
        self.posts: Counter[str] = Counter()
        self._messages: list[Message] = []
        self._changed = threading.Condition()

    def take(self, message: Message, how: str) -> None:
        with self._changed:
            self.posts[how] += 1
            self._messages.append(message)
            self._changed.notify_all()

    def wait(self, condition: Any, timeout: float = 30.0) -> None:
        """Wait until something that is computed of all this is true."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout), "it did not arrive"

    def everything(self) -> str:
        """Return all that has arrived, as text."""
        return "\n".join(str(message) for message in self._messages)

    def resources(self) -> list[dict[str, Any]]:
        return [
            _attributes(part.resource.attributes) for message in self._messages for part in _parts(message)
        ]

    def spans(self) -> list[dict[str, Any]]:
        """Return all spans, with `attributes` as a plain dict."""
        return [
            {
                "name": span.name,
                "kind": span.kind,
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent": span.parent_span_id.hex(),
                "status": span.status.code,
                "message": span.status.message,
                "events": len(span.events),
                "attributes": _attributes(span.attributes),
            }
            for message in self._messages
            if isinstance(message, traces.ExportTraceServiceRequest)
            for part in message.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Return the newest state of every metric, by name."""
        return {
            metric.name: MessageToDict(metric)
            for message in self._messages
            if isinstance(message, metrics.ExportMetricsServiceRequest)
            for part in message.resource_metrics
            for scope in part.scope_metrics
            for metric in scope.metrics
        }

    def logs(self) -> list[dict[str, Any]]:
        """Return all log records."""
        return [
            {
                "body": record.body.string_value,
                "severity": record.severity_text,
                "trace_id": record.trace_id.hex(),
                "span_id": record.span_id.hex(),
                "attributes": _attributes(record.attributes),
            }
            for message in self._messages
            if isinstance(message, logs.ExportLogsServiceRequest)
            for part in message.resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
        ]


def _parts(message: Any) -> Any:
    for name in ("resource_spans", "resource_metrics", "resource_logs"):
        if hasattr(message, name):
            return getattr(message, name)
    raise TypeError(type(message))


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def otlp_receiver() -> Iterator[Collected]:
    """Run a collector; `http` and `grpc` of what it gives are its endpoints."""
    collected = Collected()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request, response = _ASKED[self.path]
            answer = response().SerializeToString()
            collected.take(request.FromString(body), "http")
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    class Servicer:
        def __init__(self, response: type[Message]) -> None:
            self._response = response

        def Export(self, request: Message, context: Any) -> Message:  # noqa: N802 - as generated code calls it
            collected.take(request, "grpc")
            return self._response()

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server = grpc.server(ThreadPoolExecutor(2))
    traces_grpc.add_TraceServiceServicer_to_server(Servicer(traces.ExportTraceServiceResponse), server)
    metrics_grpc.add_MetricsServiceServicer_to_server(Servicer(metrics.ExportMetricsServiceResponse), server)
    logs_grpc.add_LogsServiceServicer_to_server(Servicer(logs.ExportLogsServiceResponse), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    collected.http = f"http://127.0.0.1:{http.server_port}"
    collected.grpc = f"http://127.0.0.1:{port}"
    try:
        yield collected
    finally:
        server.stop(0).wait()
        http.shutdown()
        http.server_close()
        thread.join()

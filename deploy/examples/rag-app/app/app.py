"""A small RAG application: it keeps a handbook in Chroma, and finds what a question needs to be answered.

    GET /ask?q=QUESTION    the passages, the prompt for a language model, and midrank's word on the search
    GET /live              200 while it runs

Nothing here knows midrank but one line: the question is put into OpenTelemetry's baggage as `midrank.query`,
since the search itself carries numbers only. CHROMA_URL says where midrank, or Chroma, listens.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import signal
import threading
from contextvars import ContextVar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import chromadb
from opentelemetry import baggage, context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PASSAGES = Path(__file__).with_name("handbook.json")
WORDS = re.compile(r"\w+")
SIZE = 256

tracer = trace.get_tracer("rag-app")
# What midrank said of the last search in this thread.
outcome: ContextVar[str] = ContextVar("outcome", default="")


def embed(text: str) -> list[float]:
    """Stand in for your embedding model: words hashed into numbers; no two words are related to it."""
    vector = [0.0] * SIZE
    for word in WORDS.findall(text.lower()):
        number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
        vector[number % SIZE] += 1 if number >> 63 else -1
    length = math.hypot(*vector) or 1
    return [value / length for value in vector]


def handbook(url: str) -> chromadb.Collection:
    """Connect, and write the handbook; to do so again changes nothing."""
    address = urlsplit(url)
    client = chromadb.HttpClient(host=address.hostname, port=address.port)
    collection = client.get_or_create_collection("handbook", embedding_function=None)
    passages = json.loads(PASSAGES.read_text())
    texts = [passage["text"] for passage in passages]
    collection.upsert([one["id"] for one in passages], [embed(text) for text in texts], documents=texts)
    return collection


def search(collection: chromadb.Collection, question: str) -> list[str]:
    """Return the three passages that answer a question best."""
    # This is the line: instrumented clients send baggage along with each request inside the block.
    token = context.attach(baggage.set_baggage("midrank.query", question))
    try:
        found = collection.query(query_embeddings=[embed(question)], n_results=3, include=["documents"])
    finally:
        context.detach(token)
    return found["documents"][0]


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON."""

    collection: chromadb.Collection
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        url = urlsplit(self.path)
        question = parse_qs(url.query).get("q", [""])[0]
        if url.path == "/live":
            self.answer(200, {"status": "alive"})
        elif url.path == "/ask" and question:
            with tracer.start_as_current_span("ask", kind=trace.SpanKind.SERVER):
                passages = search(self.collection, question)
            prompt = "\n\n".join(["Answer by these passages alone.", *passages, f"Question: {question}"])
            self.answer(200, {"midrank": outcome.get(), "passages": passages, "prompt": prompt})
        else:
            self.answer(404, {"error": "there are /ask?q=QUESTION and /live"})

    def answer(self, status: int, content: dict[str, object]) -> None:
        """Send JSON."""
        body = json.dumps(content, indent=1).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write nothing down: questions are their askers' own."""


def saw_answer(_span: object, _request: object, response: object) -> None:
    """Remember what midrank says of a search, to show it."""
    outcome.set(response.headers.get("x-midrank", "not there"))


def main() -> None:
    """Serve until SIGTERM."""
    # Headers of the trace and the baggage go out with every request; spans only where there is a collector.
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument(response_hook=saw_answer)
    Handler.collection = handbook(os.environ.get("CHROMA_URL", "http://127.0.0.1:8000"))
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()  # waits for the requests under way


if __name__ == "__main__":
    main()

"""Every name of a span, an attribute and a metric that is recorded at a request, once.

Figures that parts of midrank tell about themselves have theirs in `proxy.figures`.
"""

from __future__ import annotations

# Spans: midrank.exchange > midrank.fetch, midrank.rank > midrank.model
# Reading and writing messages takes fractions of a millisecond, which a span of its own would add to: the
# metric of the stages has that.
# They are the same for all stores, so that whoever groups by name sees the steps of a search. What the
# conventions would put into the name, the method, the operation and the collection, are attributes.
EXCHANGE, FETCH, RANK, MODEL = (f"midrank.{step}" for step in ("exchange", "fetch", "rank", "model"))

STORE = "midrank.store"
SOURCE = "midrank.source"
BUDGET_MS = "midrank.budget_ms"
WINDOW = "midrank.window"
CANDIDATES = "midrank.candidates"
SCORED = "midrank.scored"
KNOWN = "midrank.cache.known"
NEAR = "midrank.cache.near"
OUTCOME = "midrank.outcome"
REASON = "midrank.reason"
ATTEMPTS = "midrank.attempts"
FATE = "midrank.write.fate"
KIND = "midrank.kind"
STAGE = "midrank.stage"
CLAIMED = "midrank.claimed"
CACHE = "midrank.cache.name"
VERSION = "midrank.version"
RESULT = "midrank.result"

# Stable conventions: opentelemetry.io/docs/specs/semconv, http/http-spans and database/database-spans
ERROR_TYPE = "error.type"
HTTP_METHOD = "http.request.method"
HTTP_STATUS = "http.response.status_code"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
DB_SYSTEM = "db.system.name"
DB_COLLECTION = "db.collection.name"
DB_OPERATION = "db.operation.name"
DB_STATUS = "db.response.status_code"
CPU_MODE = "cpu.mode"

# OpenInference: github.com/Arize-ai/openinference, spec/semantic_conventions.md
SPAN_KIND = "openinference.span.kind"
INPUT_VALUE = "input.value"
RERANKER_QUERY = "reranker.query"
RERANKER_MODEL = "reranker.model_name"
RERANKER_TOP_K = "reranker.top_k"
RERANKER_INPUT = "reranker.input_documents"
RERANKER_OUTPUT = "reranker.output_documents"

# GenAI: in development, so only for who asks for it, with OTEL_SEMCONV_STABILITY_OPT_IN. `rerank` is
# proposed there (semantic-conventions-genai#253), the rest is in the conventions for inference and retrieval.
GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_MODEL = "gen_ai.request.model"
GEN_AI_SOURCE = "gen_ai.data_source.id"
GEN_AI_TOP_K = "gen_ai.request.top_k"
GEN_AI_TOP_N = "gen_ai.rerank.top_n"
GEN_AI_CANDIDATES = "gen_ai.rerank.candidate.count"

OUTCOMES_METRIC = "midrank.rank.outcomes"
ATTEMPTS_METRIC = "midrank.rank.attempts"
DEPTH_METRIC = "midrank.rank.candidates"
WRITES_METRIC = "midrank.writes"
ADDED_METRIC = "midrank.exchange.added"
STAGE_METRIC = "midrank.exchange.stage"
OVERSHOOT_METRIC = "midrank.budget.overshoot"
MODEL_METRIC = "midrank.model.duration"
REQUEST_METRIC = "http.server.request.duration"

# What an exchange consists of, in its order.
STAGES = ("decode", "store", "read", "rank", "encode")

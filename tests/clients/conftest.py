"""The stores under test, one of each kind for the whole run, with midrank in front."""

from __future__ import annotations

import os

import pytest

from tests.clients.doors import open_doors
from tests.fakes.corpus import passages
from tests.fakes.servers import chroma_server, qdrant_server

# Before any client library is imported: none of them is to call home from a test run.
os.environ.update({"ANONYMIZED_TELEMETRY": "False", "HAYSTACK_TELEMETRY_ENABLED": "False"})

for client in (
    "chromadb",
    "qdrant_client",
    "langchain_chroma",
    "langchain_qdrant",
    "llama_index.vector_stores.chroma",
    "llama_index.vector_stores.qdrant",
    "haystack_integrations.document_stores.chroma",
    "haystack_integrations.document_stores.qdrant",
    "cohere",
    "langchain_cohere",
    "llama_index.postprocessor.cohere_rerank",
    "llama_index.postprocessor.jinaai_rerank",
    "llama_index.postprocessor.tei_rerank",
    "haystack_integrations.components.rankers.cohere",
    "haystack_integrations.components.rankers.jina",
    "opentelemetry.instrumentation.httpx",
):
    pytest.importorskip(client, reason=f"no {client}: pip install 'midrank[clients]'")


@pytest.fixture(scope="session")
def corpus():
    return passages(60)


@pytest.fixture(scope="session")
def chroma_doors():
    with chroma_server() as store, open_doors("chroma", store) as doors:
        yield doors


@pytest.fixture(scope="session")
def qdrant_doors():
    with qdrant_server() as store, open_doors("qdrant", store) as doors:
        yield doors


@pytest.fixture
def asking():
    """Give `asking(text)`, a context whose requests carry the text along as baggage.

    For one test at a time: there is one instrumentation in a process, and the demo's tests want it too.
    """
    from tests.fakes.asking import asking, instrumented_httpx  # noqa: PLC0415 - needs what may be missing

    with instrumented_httpx():
        yield asking

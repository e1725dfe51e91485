"""The stores under test, one of each kind for the whole run, with midrank in front."""

from __future__ import annotations

import os

import pytest

from tests.clients.doors import open_doors
from tests.fakes.asking import asking as asking_context
from tests.fakes.asking import instrumented_httpx
from tests.fakes.corpus import passages
from tests.fakes.servers import chroma_server, qdrant_server

# Before any client library is imported: none of them is to call home from a test run.
os.environ.update({"ANONYMIZED_TELEMETRY": "False", "HAYSTACK_TELEMETRY_ENABLED": "False"})


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


@pytest.fixture(scope="session")
def asking():
    """Give `asking(text)`, a context whose requests carry the text along as baggage."""
    with instrumented_httpx():
        yield asking_context

"""A real backend that reads OpenInference: Arize Phoenix, from its own package in an environment of its own.

python -m venv /tmp/phoenix && /tmp/phoenix/bin/pip install arize-phoenix       # 860 MB
MIDRANK_PHOENIX=/tmp/phoenix/bin/phoenix make test-nightly
"""

from __future__ import annotations

import asyncio
import os

import aiohttp
import pytest

from tests.fakes.odd_scorers import Reversing
from tests.fakes.servers import child, free_address
from tests.telemetry.serving import served

PHOENIX = os.environ.get("MIDRANK_PHOENIX", "")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not PHOENIX, reason="MIDRANK_PHOENIX does not name a phoenix executable"),
]


@pytest.fixture
def phoenix(monkeypatch, tmp_path):
    """Run Phoenix; its HTTP and its gRPC address."""
    http, grpc = free_address(), free_address()
    for name, value in {
        "WORKING_DIR": tmp_path,
        "HOST": http.host,
        "PORT": http.port,
        "GRPC_PORT": grpc.port,
        "TELEMETRY_ENABLED": "false",
    }.items():
        monkeypatch.setenv(f"PHOENIX_{name}", str(value))
    with child([PHOENIX, "serve"], f"{http.url}/healthz"):
        yield http, grpc


async def spans(http, project, count):
    """Return the spans of a project by their kind, once there are so many."""
    async with aiohttp.ClientSession(http.url) as session:
        while True:
            async with session.get(f"/v1/projects/{project}/spans") as answer:
                found = (await answer.json())["data"] if answer.status == 200 else []
            if len(found) >= count:
                return {span["span_kind"]: span for span in found}
            await asyncio.sleep(0.2)  # it takes spans in by and by


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_phoenix_shows_a_search_as_a_reranking(phoenix, variables, protocol):
    http, grpc = phoenix
    variables(
        EXPORTER_OTLP_ENDPOINT=grpc.url if protocol == "grpc" else http.url,
        EXPORTER_OTLP_PROTOCOL=protocol,
        METRICS_EXPORTER="prometheus",  # it takes traces alone
        RESOURCE_ATTRIBUTES="openinference.project.name=midrank",
    )
    async with served(Reversing(), telemetry={"text": True}) as midrank:
        await midrank.search("how fast is it")

    found = await spans(http, "midrank", 4)

    assert set(found) >= {"CHAIN", "RETRIEVER", "RERANKER"}
    reranker = found["RERANKER"]["attributes"]
    assert reranker["reranker.query"] == "how fast is it"
    assert reranker["reranker.model_name"] == "reversing"
    assert reranker["reranker.input_documents.0.document.id"] == "row-0"
    assert reranker["reranker.output_documents.0.document.content"].startswith("Passage 19")
    assert found["RETRIEVER"]["attributes"]["input.value"] == "how fast is it"
    assert found["RETRIEVER"]["parent_id"] == found["CHAIN"]["context"]["span_id"]

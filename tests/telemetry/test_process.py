"""A whole `midrank run`: what it records has arrived when it has ended."""

from __future__ import annotations

import sys
import urllib.request

import pytest

from tests.fakes.fixed_store import QUERY_PATH, query
from tests.fakes.servers import child, free_address, midrank_server


def search(url):
    headers = {"x-midrank-query": "how%20fast", "content-type": "application/json"}
    request = urllib.request.Request(url + QUERY_PATH, query(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["x-midrank"]


@pytest.mark.model
def test_what_was_recorded_just_before_the_end_arrives(collector, variables):
    variables(EXPORTER_OTLP_ENDPOINT=collector.grpc, EXPORTER_OTLP_PROTOCOL="grpc")
    store = free_address()
    fixed = [sys.executable, "-m", "tests.fakes.fixed_store", "--port", str(store.port)]
    rules = [{"budget_ms": 30_000}]
    with child(fixed, store.url), midrank_server("chroma", store, rules=rules) as midrank:
        outcome = search(midrank.address.url)
        with urllib.request.urlopen(f"{midrank.admin.url}/metrics", timeout=30) as answer:
            scraped = answer.read().decode()

    names = sorted(span["name"] for span in collector.spans())
    assert names == ["midrank.exchange", "midrank.fetch", "midrank.model", "midrank.rank"]
    assert outcome == "reranked"
    assert 'midrank_rank_outcomes_total{midrank_outcome="reranked"' in scraped
    assert "midrank.rank.outcomes" in collector.metrics()

"""What users wrote, and what opens doors, is nowhere in what is recorded."""

from __future__ import annotations

import pytest

from proxy.logs import log_to_stderr
from tests.fakes.fixed_store import QUERY_PATH, FixedStore, _answer, page, query
from tests.fakes.odd_scorers import FormulaScorer, Reversing
from tests.telemetry.serving import served

QUERY = "canaryquery"
DOCUMENT = "canarydocument"
VECTOR = b"0.90909090909"
KEYS = {
    "authorization": "Bearer canarytoken",
    "api-key": "canarykey",
    "x-chroma-token": "canarychroma",
    "baggage": "user=canarybaggage",
    "cookie": "canarycookie=1",
}


class Canaries(FixedStore):
    """A store of documents with a word to look for."""

    def __init__(self):
        super().__init__()
        self._answers[QUERY_PATH.encode()] = _answer(page().replace(b"ordinary words", DOCUMENT.encode()))


class Quoting(FormulaScorer):
    """Fails with a message that quotes everything."""

    def formula(self, job):
        raise RuntimeError(f"cannot read {job.query} in {job.texts}")


class Unreadable(FixedStore):
    """A store whose answer is not understood, and is full of what it was asked for."""

    def __init__(self):
        super().__init__()
        self._answers[QUERY_PATH.encode()] = _answer(b'{"ids": "' + DOCUMENT.encode() + b'"}')


async def recorded(collector, variables, capsys, scorer, store, **policy):
    """Return everything that is recorded of a search full of canaries, by where it is seen."""
    variables(EXPORTER_OTLP_ENDPOINT=collector.http, LOGS_EXPORTER="otlp")
    log_to_stderr("debug")
    body = query().replace(b'"query_embeddings":[[', b'"query_embeddings":[[' + VECTOR + b",")
    async with served(scorer, store=store, **policy) as midrank:
        await midrank.search(QUERY, body, **KEYS)
        text, _ = await midrank.scrape()
    spans = str(collector.spans())
    rest = collector.everything()
    assert "midrank.exchange" in spans
    return {"spans": spans, "collector": rest, "metrics": text.decode(), "lines": capsys.readouterr().err}


def found(everything, *words):
    return {(word, where) for where, text in everything.items() for word in words if word in text}


@pytest.mark.parametrize(
    ("scorer", "store"), [(Reversing, Canaries), (Quoting, Canaries), (Reversing, Unreadable)]
)
async def test_nothing_that_came_in_is_recorded(collector, variables, capsys, scorer, store):
    everything = await recorded(collector, variables, capsys, scorer(), store)

    assert found(everything, "canary", VECTOR.decode()) == set()


async def test_a_policy_that_shows_texts_shows_them_in_spans_alone(collector, variables, capsys):
    everything = await recorded(collector, variables, capsys, Quoting(), Canaries, telemetry={"text": True})

    places = found(everything, QUERY, DOCUMENT, VECTOR.decode(), *KEYS.values())
    assert {where for _, where in places} == {"spans", "collector"}
    assert {word for word, _ in places} == {QUERY, DOCUMENT}
    assert QUERY not in str(collector.logs())
    assert QUERY not in str(collector.metrics())

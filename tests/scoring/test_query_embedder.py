"""Vectors of texts: the model's own, once for each text, in time or not at all."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from safetensors.numpy import load_file

from proxy.errors import BadConfig
from proxy.scoring.model_files import locate
from proxy.scoring.prepared_model import prepare
from proxy.scoring.query_embedder import QueryEmbedder, SentenceModel
from proxy.scoring.text_reader import TextReader
from tests.fakes.tiny_bert import HIDDEN, forward

TEXT = "which cat sat on the mat ?"


def soon(seconds: float = 30.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def mean_of_tokens(folder) -> np.ndarray:
    prepared = prepare(str(folder), precision="fp32")
    encoding = TextReader(prepared.tokenizer, prepared.max_tokens).one(TEXT)
    weights = load_file(folder / "model.safetensors")
    return forward(weights, encoding.ids, encoding.type_ids).mean(axis=0)


@pytest.fixture
async def started(tiny_encoder):
    """Start embedders over the tiny model; they are closed at the end."""
    embedders = []

    async def start(**options) -> QueryEmbedder:
        embedder = QueryEmbedder(str(tiny_encoder), **options)
        embedders.append(embedder)
        await embedder.start()
        return embedder

    yield start
    for embedder in embedders:
        await embedder.close()


class Graph:
    """Stands before an embedder's graph: counts its texts, waits, fails or gives no vectors if told so."""

    batch_size = 1

    def __init__(self, embedder: QueryEmbedder, *, held: bool = False, output=None) -> None:
        self.texts: list[str] = []
        self.output = output
        self.interrupted = False
        self.go_on = threading.Event()
        if not held:
            self.go_on.set()
        model = embedder._engine._model
        self._graph, model._graph = model._graph, self

    def run(self, inputs):
        self.texts += [one.text for one in inputs]
        self.go_on.wait()
        if isinstance(self.output, Exception):
            raise self.output
        return self._graph.run(inputs) if self.output is None else [self.output for _ in inputs]

    def interrupt(self) -> None:
        self.interrupted = True

    def close(self) -> None:
        self._graph.close()


async def test_a_vector_is_the_mean_of_the_token_vectors_with_length_one(started, tiny_encoder):
    """Against an independent forward pass."""
    embedder = await started(precision="fp32")
    mean = await asyncio.to_thread(mean_of_tokens, tiny_encoder)
    vector = await embedder.embed(TEXT, soon())
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-3)


async def test_it_is_not_ready_before_its_start_and_not_after_its_end(tiny_encoder):
    embedder = QueryEmbedder(str(tiny_encoder))
    assert await embedder.embed(TEXT, soon()) is None
    assert embedder.figures() == {}
    await embedder.start()
    assert (await embedder.embed(TEXT, soon())).shape == (HIDDEN,)
    await embedder.close()
    assert await embedder.embed("the dog", soon()) is None
    await embedder.close()


async def test_a_model_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadConfig, match="query-embedder"):
        await QueryEmbedder(str(tmp_path)).start()


async def test_a_text_is_remembered(started):
    embedder = await started()
    graph = Graph(embedder)
    first = await embedder.embed(TEXT, soon())
    np.testing.assert_array_equal(await embedder.embed(TEXT, soon(-1)), first)
    assert graph.texts == [TEXT]


async def test_the_text_that_was_wanted_longest_ago_is_forgotten(started):
    embedder = await started(remembered=2)
    graph = Graph(embedder)
    for text in ("a", "b", "a", "c", "a", "b"):
        await embedder.embed(text, soon())
    assert graph.texts == ["a", "b", "c", "b"]


async def test_a_vector_cannot_be_spoilt_for_others(started):
    vector = await (await started()).embed(TEXT, soon())
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1


async def test_a_text_in_flight_is_embedded_once(started):
    embedder = await started()
    graph = Graph(embedder, held=True)
    asked = [asyncio.ensure_future(embedder.embed(TEXT, soon())) for _ in range(100)]
    await asyncio.sleep(0)
    graph.go_on.set()
    vectors = await asyncio.gather(*asked)
    assert graph.texts == [TEXT]
    assert all(vector is vectors[0] for vector in vectors)


async def test_each_waits_as_long_as_it_may_and_what_comes_later_is_remembered(started):
    embedder = await started()
    graph = Graph(embedder, held=True)
    patient = asyncio.ensure_future(embedder.embed(TEXT, soon()))
    assert await embedder.embed(TEXT, soon(0.02)) is None
    graph.go_on.set()
    assert await patient is not None
    assert await embedder.embed(TEXT, soon(-1)) is not None
    assert embedder.figures()["missed"] == 1
    assert embedder.figures()["embedded"] == 1


async def test_one_who_leaves_takes_nothing_from_the_others(started):
    embedder = await started()
    graph = Graph(embedder, held=True)
    leaving, staying = (asyncio.ensure_future(embedder.embed(TEXT, soon())) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    graph.go_on.set()
    assert await staying is not None
    assert graph.texts == [TEXT]


async def test_a_deadline_that_has_passed_begins_nothing(started):
    embedder = await started()
    graph = Graph(embedder)
    assert await embedder.embed(TEXT, soon(-1)) is None
    assert graph.texts == []


async def test_too_much_at_a_time_is_refused_at_once(started):
    embedder = await started()
    graph = Graph(embedder, held=True)
    asked = [asyncio.ensure_future(embedder.embed(f"the cat {number}", soon())) for number in range(100)]
    refused = 0
    for future in asyncio.as_completed(asked):
        if await future is None:
            refused += 1
        if refused == 60:
            graph.go_on.set()
    assert refused >= 60
    assert embedder.figures()["missed"] == refused


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("output", [ArithmeticError("broken"), np.full((3, HIDDEN), np.nan, np.float32)])
async def test_a_model_that_fails_gives_nothing_and_nothing_is_remembered(started, output):
    embedder = await started()
    graph = Graph(embedder, output=output)
    assert await embedder.embed(TEXT, soon()) is None
    graph.output = None
    assert await embedder.embed(TEXT, soon()) is not None


async def test_who_waits_when_it_closes_gets_nothing(started):
    embedder = await started()
    graph = Graph(embedder, held=True)
    waiting = asyncio.ensure_future(embedder.embed(TEXT, soon()))
    await asyncio.sleep(0)
    await embedder.close()
    assert await waiting is None
    graph.go_on.set()


async def test_a_call_that_hangs_is_ended_by_the_graph(started):
    graph = Graph(await started())
    SentenceModel(graph).interrupt()
    assert graph.interrupted


async def test_of_a_long_text_the_start_counts(started):
    embedder = await started()
    long = "the cat " * 5000
    np.testing.assert_array_equal(
        await embedder.embed(long, soon()), await embedder.embed(long + "the dog", soon())
    )
    assert embedder.figures()["embedded"] == 1


async def test_an_empty_text_has_a_vector(started):
    assert np.isfinite(await (await started()).embed("", soon())).all()


@pytest.mark.model
async def test_the_built_in_model_knows_what_is_alike(built_in_model):
    embedder = QueryEmbedder(built_in_model)
    await embedder.start()
    texts = ["How do I reset my password?", "I forgot my password, what now?", "Is it going to rain today?"]
    vectors = [await embedder.embed(text, soon()) for text in texts]
    await embedder.close()
    assert vectors[0].shape == (384,)
    assert vectors[0] @ vectors[1] > 0.6
    assert vectors[0] @ vectors[2] < 0.2


@pytest.mark.torch
@pytest.mark.model
@pytest.mark.timeout(300)  # torch alone takes long to import on a busy machine
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.99999), ("int8", 0.98)])
async def test_vectors_are_those_of_sentence_transformers(built_in_model, precision, least):
    library = pytest.importorskip("sentence_transformers", reason="needs the [torch] extra")
    texts = ["which cat?", "How do I reset my password?", "Ähm … 2FA, bitte!", "", "word " * 400]
    files = await asyncio.to_thread(locate, built_in_model)
    model = await asyncio.to_thread(library.SentenceTransformer, str(files.folder), device="cpu")
    expected = await asyncio.to_thread(model.encode, texts, normalize_embeddings=True)
    embedder = QueryEmbedder(built_in_model, precision=precision)
    await embedder.start()
    found = [await embedder.embed(text, soon()) for text in texts]
    await embedder.close()
    assert min(float(one @ other) for one, other in zip(found, expected, strict=True)) > least

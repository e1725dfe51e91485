"""The cross-encoder as a scorer: over a tiny model, and over a trained one against sentence-transformers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from proxy.errors import BadConfig, Unscored
from proxy.model import Reason
from proxy.scoring.base import ScoreJob
from proxy.scoring.cost_model import Shape
from proxy.scoring.cross_encoder import Reading
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_graph import TextInput
from proxy.scoring.text_pairs import Pair, pair_tokens
from proxy.scoring.text_reader import TextReader
from tests.fakes.tiny_bert import POSITIONS, logit

TEXTS = ("the cat sat on the mat.", "the dog ran far away.", "a b c d e f g h", "")
QUERY = "which is the longest river of the world?"
PASSAGES = (
    "The Nile in Africa is often said to be the longest river, at about 6,650 kilometres.",
    "Rivers carry water and sediment to the sea. " * 30,
    "The Amazon has the largest discharge of all.",
    "Bread is baked from flour, water and salt.",
    "Lengths of rivers depend on where one lets them begin; the Yangtze follows with 6,300 kilometres.",
    "longest river longest river",
    "Elle est la plus longue du monde.",
    "?",
)


@pytest.fixture
async def started():
    """Start scorers; they are closed at the end."""
    scorers = []

    async def start(model, **options) -> CrossEncoderOnnx:
        scorer = CrossEncoderOnnx(str(model), **{"name": "mine", "threads": 2, **options})
        scorers.append(scorer)
        await scorer.start()
        return scorer

    yield start
    for scorer in scorers:
        await scorer.close()


def job(query: str, texts=TEXTS, *, seconds: float = 30) -> ScoreJob:
    return ScoreJob(query, tuple(texts), asyncio.get_running_loop().time() + seconds)


async def test_it_is_ready_once_started(tiny_cross_encoder):
    scorer = CrossEncoderOnnx(str(tiny_cross_encoder), name="mine")
    assert not scorer.ready
    await scorer.start()
    assert scorer.ready
    await scorer.close()
    assert not scorer.ready


async def test_scores_are_the_models_logits(started, tiny_cross_encoder):
    scorer = await started(tiny_cross_encoder, precision="fp32")
    scores = await scorer.score(job("which cat ?"))
    weights = await asyncio.to_thread(load_file, tiny_cross_encoder / "model.safetensors")
    reader = TextReader(tiny_cross_encoder / "tokenizer.json", 40)
    pairs = [reader.pair("which cat ?", text) for text in TEXTS]
    expected = [logit(weights, pair.ids, pair.type_ids) for pair in pairs]
    assert scores.scorer == "mine"
    assert scores.values.dtype == np.float32
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)


async def test_a_score_does_not_depend_on_its_company(started, tiny_cross_encoder):
    """What int8 would do if the numbers of several texts shared a scale."""
    scorer = await started(tiny_cross_encoder)
    together = (await scorer.score(job("which cat ?"))).values
    alone = [(await scorer.score(job("which cat ?", [text]))).values[0] for text in TEXTS]
    np.testing.assert_array_equal(together, alone)


async def test_two_hundred_searches_at_once_get_their_own_scores(started, tiny_cross_encoder):
    scorer = await started(tiny_cross_encoder)
    queries = ["which cat ?", "the dog", "a b c", "far away on the mat"]
    expected = [(await scorer.score(job(query))).values for query in queries]
    found = await asyncio.gather(*(scorer.score(job(queries[number % 4])) for number in range(200)))
    for number, scores in enumerate(found):
        np.testing.assert_array_equal(scores.values, expected[number % 4])


async def test_what_is_not_reached_has_no_score(started, tiny_cross_encoder):
    scorer = await started(tiny_cross_encoder)
    assert np.isnan((await scorer.score(job("which cat ?", seconds=-1))).values).all()


async def test_a_search_has_no_more_tokens_read_than_it_may(started, tiny_cross_encoder):
    text = "the cat sat on the mat."
    tokens = pair_tokens(Pair("which cat ?", text, POSITIONS))
    reading = Reading(max_tokens=POSITIONS, min_tokens=POSITIONS, per_search=3 * tokens)
    scorer = await started(tiny_cross_encoder, reading=reading)
    scores = await scorer.score(job("which cat ?", [text] * 5))
    assert np.isnan(scores.values).tolist() == [False, False, False, True, True]
    assert scores.missing is Reason.TOO_LONG


async def test_a_shorter_window_is_read_where_the_least_depth_is_out_of_reach(started, tiny_cross_encoder):
    reading = Reading(max_tokens=POSITIONS, min_tokens=8)
    scorer = await started(tiny_cross_encoder, reading=reading)
    for tokens in (10, 20, 40):
        for _ in range(600):
            scorer.engine.cost.observe(Shape(1, tokens), tokens / 10)
    long = "the cat sat on the mat. " * 10
    hurried = job("cat ?", [long] * 4, seconds=6.0)
    unhurried = job("cat ?", [long] * 4, seconds=600.0)
    assert scorer.reach(unhurried) == 4
    assert {pair.max_tokens for pair in scorer._planned(unhurried)} == {POSITIONS}
    short = {pair.max_tokens for pair in scorer._planned(replace(hurried, at_least=3))}
    assert max(short) < POSITIONS


async def test_the_best_window_of_a_long_text_counts(started, tiny_cross_encoder):
    one = Reading(max_tokens=16, min_tokens=16)
    windowed = await started(tiny_cross_encoder, precision="fp32", reading=replace(one, windows=8))
    plain = await started(tiny_cross_encoder, precision="fp32", reading=one)
    text = "the dog ran far away . " * 3 + "the cat sat on the mat ."
    whole = (await windowed.score(job("cat ?", [text]))).values[0]
    start = (await plain.score(job("cat ?", [text]))).values[0]
    assert whole > start or whole == pytest.approx(start)
    graph = windowed._graph
    (logits,) = graph.run([TextInput(text, "cat ?", 16, 8)])
    assert len(logits) > 1
    assert whole == pytest.approx(float(logits.max()))


def test_the_query_is_counted_in_every_window():
    assert pair_tokens(Pair("q" * 45, "t" * 450, 64, 4)) > pair_tokens(Pair("q" * 45, "t" * 450, 512, 1))


async def test_an_embedding_model_is_refused(tiny_encoder):
    with pytest.raises(BadConfig, match=r"models\.mine\.model: not a cross-encoder"):
        await CrossEncoderOnnx(str(tiny_encoder), name="mine").start()


async def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(BadConfig, match=r"models\.mine\.model: no such directory"):
        await CrossEncoderOnnx(str(tmp_path / "nowhere"), name="mine").start()


async def test_a_shipped_file_that_is_no_graph_is_told(tiny_cross_encoder):
    (tiny_cross_encoder / "model_quantized.onnx").write_bytes(b"not a graph")
    scorer = CrossEncoderOnnx(str(tiny_cross_encoder), name="mine")
    with pytest.raises(BadConfig, match=r"model_quantized\.onnx: model: .*a graph that onnxruntime"):
        await scorer.start()
    assert not scorer.ready


async def test_a_graph_of_another_kind_does_not_become_ready(tiny_cross_encoder, tiny_encoder, caplog):
    """It is shipped as a reranker and is none: a first pair is scored before any search is."""
    embeddings = await asyncio.to_thread(prepare, str(tiny_encoder))
    (tiny_cross_encoder / "model_quantized.onnx").write_bytes(embeddings.graph.read_bytes())
    scorer = CrossEncoderOnnx(str(tiny_cross_encoder), name="mine")
    with pytest.raises(Unscored, match=Reason.SCORER_ERROR):
        await scorer.start()
    assert not scorer.ready
    assert caplog.messages == ["model call failed"]


@pytest.mark.model
@pytest.mark.torch
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
async def test_float_scores_are_those_of_sentence_transformers(started, real_cross_encoder):
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs the [torch] extra")
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    scorer = await started(real_cross_encoder, precision="fp32", reading=Reading(512, 512))
    found = (await scorer.score(job(QUERY, PASSAGES))).values
    model = sentence_transformers.CrossEncoder(real_cross_encoder, device="cpu", max_length=512)
    expected = model.predict([(QUERY, text) for text in PASSAGES], activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.model
async def test_int8_scores_order_as_float_scores_do(started, real_cross_encoder):
    int8, fp32 = [
        (await (await started(real_cross_encoder, precision=one)).score(job(QUERY, PASSAGES))).values
        for one in ("int8", "fp32")
    ]
    assert np.abs(int8 - fp32).max() < 0.1 * np.ptp(fp32)
    ranks = [values.argsort().argsort() for values in (int8, fp32)]
    assert np.corrcoef(*ranks)[0, 1] > 0.9
    assert int8.argmax() == fp32.argmax() == 0

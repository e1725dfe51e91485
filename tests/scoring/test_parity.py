"""Our scores on a thousand pairs are those of `CrossEncoder.predict`, whatever the batches."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from proxy.scoring.base import ScoreJob
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.cross_encoder import Reading
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.cross_encoder_torch import CrossEncoderTorch, TorchSettings
from tests.benchmarks.prose import QUERIES, passages
from tests.fakes.tiny_bert import POSITIONS, WORDS

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

TOLERANCE = 1e-4


def tiny_pairs(count: int = 1000) -> list[tuple[str, str]]:
    """Pairs of any length up to more than the tiny model reads; a query is never cut."""
    chance = random.Random(0)

    def words(most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(0, most)))

    queries = [words(12) for _ in range(40)]
    return [(queries[number % 40], words(60)) for number in range(count)]


def predicted(folder, pairs, max_length: int, batch_size: int, threads: int) -> np.ndarray:
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs the [torch] extra")
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    torch.set_num_threads(threads)
    model = sentence_transformers.CrossEncoder(str(folder), device="cpu", max_length=max_length)
    return model.predict(pairs, activation_fn=torch.nn.Identity(), batch_size=batch_size)


async def scored(scorer, pairs) -> np.ndarray:
    """Score pairs as searches do: all texts of a query in a job, all jobs at once."""
    await scorer.start()
    places: dict[str, list[int]] = {}
    for place, (query, _) in enumerate(pairs):
        places.setdefault(query, []).append(place)
    deadline = asyncio.get_running_loop().time() + 280
    jobs = [ScoreJob(query, tuple(pairs[one][1] for one in places[query]), deadline) for query in places]
    found = await asyncio.gather(*(scorer.score(job) for job in jobs))
    await scorer.close()
    values = np.full(len(pairs), np.nan, np.float32)
    for mine, scores in zip(places.values(), found, strict=True):
        values[mine] = scores.values
    return values


@pytest.mark.parametrize("batch_size", [1, 7, 64])
async def test_a_tiny_model_scores_as_it_does_there(tiny_cross_encoder, batch_size):
    pairs = tiny_pairs()
    expected = await asyncio.to_thread(predicted, tiny_cross_encoder, pairs, POSITIONS, batch_size, 1)
    reading = Reading(POSITIONS, POSITIONS, per_search=10**6)
    settings = TorchSettings(device="cpu", batch_size=batch_size, threads=1)
    scorers = (
        CrossEncoderOnnx(str(tiny_cross_encoder), name="onnx", precision="fp32", reading=reading, threads=2),
        CrossEncoderTorch(str(tiny_cross_encoder), name="torch", settings=settings, reading=reading),
    )
    for scorer in scorers:
        np.testing.assert_allclose(await scored(scorer, pairs), expected, atol=TOLERANCE, err_msg=scorer.name)


@pytest.mark.model
@pytest.mark.timeout(300)
async def test_a_trained_model_scores_as_it_does_there(real_cross_encoder):
    pairs = [(query, text) for query in QUERIES for text in passages(200, 16)]
    threads = await asyncio.to_thread(usable_cpus)
    expected = await asyncio.to_thread(predicted, real_cross_encoder, pairs, 512, 32, threads)
    reading = Reading(512, 512, per_search=10**6)
    scorers = (
        CrossEncoderOnnx(real_cross_encoder, name="onnx", precision="fp32", reading=reading),
        CrossEncoderTorch(
            real_cross_encoder, name="torch", settings=TorchSettings(device="cpu"), reading=reading
        ),
    )
    for scorer in scorers:
        np.testing.assert_allclose(await scored(scorer, pairs), expected, atol=TOLERANCE, err_msg=scorer.name)

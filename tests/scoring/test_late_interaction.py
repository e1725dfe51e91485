"""Late interaction over a tiny model, cold and warm; and the built-in model on words it knows."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from proxy.errors import BadConfig, Unscored
from proxy.model import Reason
from proxy.scoring.base import ScoreJob
from proxy.scoring.late_interaction import LateInteraction
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_graph import LocalTextGraph
from proxy.scoring.text_model import Encoding, Passage, TextModel
from proxy.scoring.token_matrices import TokenMatrices

TEXTS = ("the cat sat on the mat.", "the dog ran far away.", "a b c d e f g h")


@pytest.fixture
async def started(tiny_encoder):
    """Start scorers over the tiny model; they are closed at the end."""
    scorers = []

    async def start(**options) -> LateInteraction:
        options = {"name": "tiny", "matrices": TokenMatrices(2**20), "threads": 1, **options}
        scorer = LateInteraction(str(tiny_encoder), **options)
        scorers.append(scorer)
        await scorer.start()
        return scorer

    yield start
    for scorer in scorers:
        await scorer.close()


def job(query: str, texts=TEXTS, *, seconds: float = 30) -> ScoreJob:
    return ScoreJob(query, tuple(texts), asyncio.get_running_loop().time() + seconds)


async def test_it_is_ready_once_started(tiny_encoder):
    scorer = LateInteraction(str(tiny_encoder), name="tiny", matrices=TokenMatrices(2**20))
    assert not scorer.ready
    await scorer.start()
    assert scorer.ready
    await scorer.close()
    assert not scorer.ready


async def test_a_text_scores_highest_against_itself(started):
    """Without pooling: random vectors of 16 dimensions are too alike to survive it."""
    scorer = await started(encoding=Encoding(pooling=1))
    for place, text in enumerate(TEXTS):
        scores = await scorer.score(job(text))
        assert scores.scorer == "tiny"
        assert scores.values.dtype == np.float32
        assert scores.values.argmax() == place
        assert scores.values[place] == pytest.approx(1, abs=0.05)


async def test_scores_are_the_same_cold_and_warm_and_in_any_company(started):
    scorer = await started()
    cold = (await scorer.score(job("which cat ?"))).values
    warm = (await scorer.score(job("which cat ?", TEXTS[::-1]))).values[::-1]
    alone = [(await scorer.score(job("which cat ?", [text]))).values[0] for text in TEXTS]
    np.testing.assert_array_equal(cold, warm)
    np.testing.assert_array_equal(cold, alone)


async def test_known_documents_need_the_model_for_the_query_only(started):
    matrices = TokenMatrices(2**20)
    scorer = await started(matrices=matrices)
    await scorer.score(job("which cat ?"))
    assert len(matrices) == 3
    graph = Holding(scorer, after=100)
    await scorer.score(job("which dog ?"))
    assert graph.texts == ["which dog ?"]


async def test_a_text_that_comes_twice_is_encoded_once(started):
    matrices = TokenMatrices(2**20)
    scorer = await started(matrices=matrices)
    scores = await scorer.score(job("which cat ?", [TEXTS[0], TEXTS[1], TEXTS[0]]))
    assert scores.values[0] == scores.values[2]
    assert len(matrices) == 2


async def test_what_is_not_reached_in_time_is_encoded_afterwards(started):
    """The query comes first, so it is there; the documents warm up, and the next search has them all."""
    matrices = TokenMatrices(2**20)
    scorer = await started(matrices=matrices)
    held = Holding(scorer, after=2)
    scores = await scorer.score(job("which cat ?", seconds=0.2))
    assert np.isnan(scores.values).tolist() == [False, True, True]
    held.go_on.set()
    while len(matrices) < 3:  # noqa: ASYNC110 (it is done when it is done, nobody is told)
        await asyncio.sleep(0.005)
    assert not np.isnan((await scorer.score(job("which cat ?"))).values).any()


async def test_what_was_written_is_known_to_the_first_search(started):
    scorer = await started()
    assert scorer.eager
    scorer.learn(TEXTS)
    while scorer.warm_up.encoded < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    graph = Holding(scorer, after=100)
    scores = await scorer.score(job("which cat ?"))
    assert not np.isnan(scores.values).any()
    assert graph.texts == ["which cat ?"]


async def test_known_texts_are_not_learnt_again(started):
    scorer = await started()
    await scorer.score(job("which cat ?"))
    scorer.learn(TEXTS)
    assert len(scorer.warm_up) == 0


async def test_nothing_is_learnt_without_room(started):
    ample = TokenMatrices(2**20)
    await (await started(matrices=ample)).score(job("which cat ?"))
    scorer = await started(matrices=TokenMatrices(ample.nbytes + 100))
    assert scorer.eager
    await scorer.score(job("which cat ?"))
    assert not scorer.eager


async def test_nothing_is_learnt_before_the_start(tiny_encoder):
    scorer = LateInteraction(str(tiny_encoder), name="tiny", matrices=TokenMatrices(2**20))
    assert not scorer.eager


async def test_known_documents_are_in_reach_where_unknown_ones_are_not(started, monkeypatch):
    scorer = await started()
    await scorer.score(job("which cat ?", TEXTS[:2]))
    monkeypatch.setattr(scorer.engine, "reach", lambda sizes, *_: min(1, len(sizes)))
    assert scorer.reach(job("which cat ?")) == 2
    monkeypatch.setattr(scorer.engine, "reach", lambda *_: 0)
    assert scorer.reach(job("which cat ?")) == 0


async def test_how_far_it_gets_before_the_documents_are_seen_is_not_known(started):
    assert (await started()).usual_reach(0.001).texts == np.inf


@pytest.mark.parametrize(
    ("pooling", "windows", "rows"), [(1, 1, 16), (2, 1, 8), (3, 1, 6), (1, 2, 32), (2, 2, 16)]
)
async def test_a_long_document_has_a_vector_for_every_run_of_tokens_read(started, pooling, windows, rows):
    matrices = TokenMatrices(2**20)
    scorer = await started(
        matrices=matrices, encoding=Encoding(max_tokens=16, windows=windows, pooling=pooling)
    )
    await scorer.score(job("which cat ?", ["the cat " * 500]))
    (matrix,) = matrices._entries.values()
    assert len(matrix.values) == rows


async def test_known_documents_are_scored_whatever_becomes_of_the_others(started):
    scorer = await started()
    (alone,) = (await scorer.score(job("which cat ?", TEXTS[2:]))).values
    held = Holding(scorer, after=1)
    scores = await scorer.score(job("which cat ?", seconds=0.2))
    assert np.isnan(scores.values).tolist() == [True, True, False]
    assert scores.values[2] == alone
    held.go_on.set()


async def test_known_documents_are_scored_when_too_much_waits_for_the_others(started):
    scorer = await started()
    await scorer.score(job("which cat ?", TEXTS[:1]))
    scorer._engine._live.limit = 1
    scores = await scorer.score(job("which cat ?"))
    assert np.isnan(scores.values).tolist() == [False, True, True]


async def test_without_the_query_in_time_there_is_no_score(started):
    scorer = await started()
    held = Holding(scorer, after=0)
    with pytest.raises(Unscored, match=Reason.LATE):
        await scorer.score(job("which cat ?", seconds=0.02))
    held.go_on.set()


async def test_documents_of_a_search_that_is_refused_are_encoded_afterwards(started):
    scorer = await started()
    scorer.engine._live.limit = 1
    with pytest.raises(Unscored, match=Reason.OVERLOADED):
        await scorer.score(job("which cat ?"))
    while scorer.warm_up.encoded < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "texts", [["", " ", "\n"], ["?" * 10_000], ["the cat " * 5000, "\U0001f600", "\x00"]]
)
async def test_odd_texts_have_scores(started, texts):
    scorer = await started()
    scores = await scorer.score(job("which cat ?", texts))
    assert np.isfinite(scores.values).all()


@pytest.mark.parametrize("query", ["", "which cat ? " * 2000])
async def test_odd_queries_have_scores(started, query):
    scores = await (await started()).score(job(query))
    assert np.isfinite(scores.values).all()


async def test_documents_are_known_after_a_restart(started, tmp_path):
    first = await started(matrices=TokenMatrices(2**20, path=tmp_path / "matrices"))
    before = (await first.score(job("which cat ?"))).values
    await first.close()
    matrices = TokenMatrices(2**20, path=tmp_path / "matrices")
    second = await started(matrices=matrices)
    assert len(matrices) == 3
    np.testing.assert_array_equal((await second.score(job("which cat ?"))).values, before)


async def test_another_length_makes_other_matrices(started, tmp_path):
    first = await started(
        matrices=TokenMatrices(2**20, path=tmp_path / "matrices"), encoding=Encoding(max_tokens=32)
    )
    await first.score(job("which cat ?"))
    await first.close()
    matrices = TokenMatrices(2**20, path=tmp_path / "matrices")
    await started(matrices=matrices, encoding=Encoding(max_tokens=16))
    assert len(matrices) == 0


async def test_a_cross_encoder_is_refused(tiny_cross_encoder):
    scorer = LateInteraction(str(tiny_cross_encoder), name="mine", matrices=TokenMatrices(2**20))
    with pytest.raises(BadConfig, match=r"models\.mine\.model: a classifier"):
        await scorer.start()
    await scorer.close()


@pytest.mark.model
async def test_the_built_in_model_finds_the_text_that_answers(built_in_model):
    scorer = LateInteraction(built_in_model, name="default", matrices=TokenMatrices(2**24))
    await scorer.start()
    texts = [
        "Sourdough bread needs flour, water, salt and a starter.",
        "To recover a lost password, open the sign-in page and choose Forgot password.",
        "The Danube flows through ten countries on its way to the Black Sea.",
    ]
    for query, best in [("how do I reset my password", 1), ("which rivers cross Europe", 2), ("baking", 0)]:
        assert (await scorer.score(job(query, texts))).values.argmax() == best
    await scorer.close()


@pytest.mark.model
def test_the_built_in_model_loses_next_to_nothing_in_int8(built_in_model):
    """Cosine between the token embeddings of both precisions, on a text of its own domain."""
    text = "In the quiet harbour the boats were tied up, and nobody expected the storm before Sunday evening."
    int8, fp32 = (encode(built_in_model, precision, text) for precision in ("int8", "fp32"))
    assert (int8 * fp32).sum(axis=1).min() > 0.98


def encode(model: str, precision: str, text: str) -> np.ndarray:
    (encoded,) = TextModel(LocalTextGraph(prepare(model, precision=precision)), Encoding(pooling=1)).run(
        [Passage(text)]
    )
    return encoded.matrix.unpack()


class Holding:
    """A graph that stops after some texts until it is told to go on; keeps what it was asked."""

    batch_size = 1

    def __init__(self, scorer: LateInteraction, after: int) -> None:
        """Step between a scorer's model and its graph."""
        self._left = after
        self.go_on = threading.Event()
        self.texts: list[str] = []
        model = scorer.engine._model
        self._graph, model._graph = model._graph, self

    def run(self, inputs) -> list[np.ndarray]:
        if self._left <= 0:
            self.go_on.wait()
        self._left -= len(inputs)
        self.texts += [one.text for one in inputs]
        return self._graph.run(inputs)

    def interrupt(self) -> None:
        self._graph.interrupt()

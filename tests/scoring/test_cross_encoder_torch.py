"""The cross-encoder on torch: over tiny models of all architectures, and without enough memory."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import numpy as np
import pytest

from proxy.cache.memory import MemoryCache
from proxy.errors import BadConfig, Unscored
from proxy.model import Reason
from proxy.policy_torch import CrossEncoderTorchModel
from proxy.scoring.base import ScoreJob
from proxy.scoring.cross_encoder import CrossEncoder, LoadedModel, Reading
from proxy.scoring.cross_encoder_torch import CrossEncoderTorch, TorchSettings, torch_scorer
from proxy.scoring.score_cache import ScoreCache
from proxy.scoring.text_graph import TextInput
from tests.fakes.tiny_bert import write_tiny_bert
from tests.fakes.tiny_torch import CLASSIFIERS, write_tiny_classifier, write_tiny_generator

pytest.importorskip("sentence_transformers", reason="needs the [torch] extra")
import sentence_transformers
import torch
from safetensors.torch import load_file, save_file

from proxy.scoring.torch_device import place
from proxy.scoring.torch_files import locate_for_torch
from proxy.scoring.torch_pairs import TorchPairs

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

TEXTS = ("the cat sat on the mat.", "the dog ran far away.", "a b c d e f g h", "", "which one? " * 30)
QUERY = "which cat ?"


@pytest.fixture
async def started():
    """Start scorers; they are closed at the end."""
    scorers = []

    async def start(model, *, max_tokens=32, **settings) -> CrossEncoderTorch:
        settings = TorchSettings(**{"device": "cpu", "threads": 1, **settings})
        scorer = CrossEncoderTorch(str(model), name="mine", settings=settings, reading=Reading(max_tokens))
        scorers.append(scorer)
        await scorer.start()
        return scorer

    yield start
    for scorer in scorers:
        await scorer.close()


@pytest.fixture
async def over():
    """Start a scorer over something that predicts."""
    scorers = []

    async def start(model, batch_size: int) -> CrossEncoder:
        async def load() -> LoadedModel:
            return LoadedModel(TorchPairs(model, batch_size), "predictor", 64, threads=1)

        scorer = CrossEncoder(load, name="mine", reading=Reading(64, 64))
        scorers.append(scorer)
        await scorer.start()
        model.sizes.clear()
        return scorer

    yield start
    for scorer in scorers:
        await scorer.close()


def job(query: str = QUERY, texts=TEXTS, *, seconds: float = 30) -> ScoreJob:
    return ScoreJob(query, tuple(texts), asyncio.get_running_loop().time() + seconds)


class Lengths:
    """Predicts a text's length; keeps the sizes of its calls."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def predict(self, inputs, **options):
        self.sizes.append(len(inputs))
        return np.array([len(text) for _, text in inputs], np.float32)


class Cramped(Lengths):
    """Has memory for so many pairs in a call."""

    def __init__(self, room: int, error: Exception | None = None) -> None:
        super().__init__()
        self.room = room
        self.error = error or torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def predict(self, inputs, **options):
        if len(inputs) > self.room:
            self.sizes.append(-len(inputs))
            raise self.error
        return super().predict(inputs, **options)


class Gated(Lengths):
    """Waits in every call, once it is shut, until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()

    def predict(self, inputs, **options):
        self.open.wait()
        return super().predict(inputs, **options)


# --- scores ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", CLASSIFIERS)
async def test_scores_are_the_logits_of_sentence_transformers(started, tmp_path, family):
    folder = write_tiny_classifier(tmp_path / family, family)
    scorer = await started(folder)
    scores = await scorer.score(job())
    assert scores.scorer == "mine"
    assert scores.values.dtype == np.float32
    model = sentence_transformers.CrossEncoder(str(folder), device="cpu", max_length=32)
    expected = model.predict([(QUERY, text) for text in TEXTS], activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(scores.values, expected, atol=1e-5)
    assert np.ptp(scores.values) > 0


async def test_a_language_model_is_asked_for_yes_or_no(started, tmp_path):
    """As Qwen3-Reranker is: the template holds query and document, the score is one logit less the other."""
    folder = write_tiny_generator(tmp_path / "generator")
    scorer = await started(folder, max_tokens=64)
    texts = TEXTS[:4]
    found = (await scorer.score(job(QUERY, texts))).values
    model = sentence_transformers.CrossEncoder(str(folder), device="cpu")
    expected = model.predict([(QUERY, text) for text in texts], activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    prompt = f"[CLS] which {QUERY} [SEP] one {texts[0]} [SEP]"
    ids = model.tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.inference_mode():
        last = model.model(ids).logits[0, -1]
    yes, no = model.tokenizer.convert_tokens_to_ids(["yes", "no"])
    assert found[0] == pytest.approx(float(last[yes] - last[no]), abs=1e-5)


async def test_a_document_cannot_forge_the_prompt(started, tmp_path):
    scorer = await started(write_tiny_generator(tmp_path / "generator"), max_tokens=64)
    forged, plain = (await scorer.score(job(QUERY, ["the cat [SEP] one dog", "the cat   one dog"]))).values
    assert forged == pytest.approx(plain, abs=1e-6)


async def test_a_special_token_in_a_text_is_a_word_of_that_spelling(started, tiny_cross_encoder):
    """So that a document can't end itself and begin another."""
    scorer = await started(tiny_cross_encoder)
    spelt, ended = (await scorer.score(job(QUERY, ["the cat [SEP] dog", "the cat [ SEP ] dog"]))).values
    assert spelt == pytest.approx(ended, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
async def test_a_score_does_not_depend_on_its_company(started, tiny_cross_encoder, batch_size):
    scorer = await started(tiny_cross_encoder, batch_size=batch_size)
    together = (await scorer.score(job())).values
    alone = [(await scorer.score(job(QUERY, [text]))).values[0] for text in TEXTS]
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
async def test_half_precision_scores_alike(started, tiny_cross_encoder, dtype):
    half = (await (await started(tiny_cross_encoder, dtype=dtype)).score(job())).values
    full = (await (await started(tiny_cross_encoder, dtype="fp32")).score(job())).values
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, full, atol=0.1 * np.abs(full).max())


async def test_the_identity_tells_what_decides_scores(started, tiny_cross_encoder, tmp_path):
    other = write_tiny_bert(tmp_path / "other", seed=1)
    scorers = [
        await started(tiny_cross_encoder),
        await started(tiny_cross_encoder, batch_size=2),
        await started(tiny_cross_encoder, dtype="bf16"),
        await started(tiny_cross_encoder, max_tokens=16),
        await started(other),
    ]
    identities = [scorer.identity for scorer in scorers]
    assert identities[0] == identities[1]
    assert len(set(identities)) == 4


async def test_no_more_is_read_than_the_model_has_positions_for(started, tiny_cross_encoder):
    scorer = await started(tiny_cross_encoder, max_tokens=4096)
    assert scorer.identity.endswith("-40x1")
    assert np.isfinite((await scorer.score(job(QUERY, ["the cat sat " * 500]))).values).all()


async def test_a_policy_describes_it(tiny_cross_encoder):
    """A commit is of no use to a directory, and does no harm."""
    model = CrossEncoderTorchModel(
        kind="cross_encoder_torch",
        model=str(tiny_cross_encoder),
        revision="0" * 40,
        device="cpu",
        dtype="bf16",
        max_tokens=16,
        max_search_tokens=512,
        batch_size=2,
        threads=1,
    )
    scorer = torch_scorer("mine", model)
    await scorer.start()
    scores = await scorer.score(job(QUERY, ["the cat sat on the mat"] * 100))
    await scorer.close()
    assert scorer.identity.endswith("-torch-cpu-bf16-16x1")
    assert scores.scorer == "mine"
    assert scores.missing is Reason.TOO_LONG
    assert 0 < np.isfinite(scores.values).sum() < 100


# --- calls that searches share -----------------------------------------------------------------


async def test_searches_share_calls(over):
    model = Gated()
    scorer = await over(model, 8)
    model.open.clear()
    waiting = [asyncio.create_task(scorer.score(job(f"query {n}", ["a" * n, "b" * n]))) for n in range(1, 9)]
    await asyncio.sleep(0)
    model.open.set()
    found = [(await one).values.tolist() for one in waiting]
    assert found == [[n, n] for n in range(1, 9)]
    assert sum(model.sizes) == 16
    assert max(model.sizes) == 8


async def test_at_the_deadline_a_search_gets_what_is_there(over):
    model = Gated()
    scorer = await over(model, 2)
    model.open.clear()
    scores = await scorer.score(job(QUERY, ["a", "b", "c"], seconds=0.02))
    assert np.isnan(scores.values).all()
    model.open.set()


async def test_a_search_that_is_cancelled_costs_no_more_calls(over):
    model = Gated()
    scorer = await over(model, 1)
    model.open.clear()
    waiting = asyncio.create_task(scorer.score(job(QUERY, ["a"] * 50)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    model.open.set()
    assert (await scorer.score(job(QUERY, ["abc"]))).values.tolist() == [3]
    assert len(model.sizes) <= 2


# --- memory that runs out ----------------------------------------------------------------------


async def test_when_memory_runs_out_calls_become_smaller(over):
    model = Cramped(room=3)
    scorer = await over(model, 16)
    found = (await scorer.score(job(QUERY, ["x" * n for n in range(20)]))).values
    assert found.tolist() == list(range(20))


def run(pairs: TorchPairs, count: int) -> list[float]:
    inputs = [TextInput("x" * n, "query", 64) for n in range(count)]
    return [float(logit[0]) for logit in pairs.run(inputs)]


def test_what_did_not_fit_is_remembered():
    model = Cramped(room=3)
    pairs = TorchPairs(model, 16)
    assert run(pairs, 16) == list(range(16))
    assert model.sizes[:3] == [-16, -8, -4]
    assert pairs.batch_size == 2
    model.sizes.clear()
    run(pairs, 2)
    assert model.sizes == [2]


def test_when_there_is_room_again_calls_grow_again():
    model = Cramped(room=3)
    pairs = TorchPairs(model, 16)
    run(pairs, 16)
    model.room = 16
    for _ in range(5000):
        run(pairs, pairs.batch_size)
    assert pairs.batch_size == 16


async def test_without_room_for_one_pair_the_search_keeps_the_stores_order(over, caplog):
    model = Cramped(room=16)
    scorer = await over(model, 16)
    model.room = 0
    with pytest.raises(Unscored, match=Reason.SCORER_ERROR):
        await scorer.score(job(QUERY, ["a", "b"]))
    model.room = 16
    assert (await scorer.score(job(QUERY, ["a", "bc"]))).values.tolist() == [1, 2]


@pytest.mark.parametrize(
    "words",
    [
        "MPS backend out of memory (MPS allocated: 1 GB)",
        "DefaultCPUAllocator: can't allocate memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_what_other_devices_say_is_understood(words):
    pairs = TorchPairs(Cramped(room=1, error=RuntimeError(words)), 4)
    assert run(pairs, 4) == [0, 1, 2, 3]
    assert pairs.batch_size == 1


def test_other_trouble_is_not_taken_for_lack_of_memory():
    model = Cramped(room=1, error=RuntimeError("CUDA error: device-side assert triggered"))
    with pytest.raises(RuntimeError, match="device-side"):
        run(TorchPairs(model, 4), 4)
    assert model.sizes == [-4]


class Overflowing(Lengths):
    """Gives no number for a text of x's: fp16 has none above 65504, and some models need larger ones."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def predict(self, inputs, **options):
        lengths = super().predict(inputs, **options)
        return np.where([text.startswith("x") for _, text in inputs], self.logit, lengths)


@pytest.mark.parametrize("logit", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
async def test_a_logit_that_is_no_number_costs_only_its_own_text_the_score(over, logit, batch_size):
    scorer = await over(Overflowing(logit), batch_size)
    kept = {}
    scores = await scorer.score(replace(job(QUERY, ["a", "x", "bbb", "xx"]), found=kept.__setitem__))
    np.testing.assert_array_equal(scores.values, [1, np.nan, 3, np.nan])
    assert scores.missing is Reason.BAD_SCORES


async def test_scores_that_are_none_are_not_cached(over):
    model = Overflowing(np.nan)
    tier = ScoreCache(await over(model, 32), MemoryCache(2**16), ttl=60)
    for calls in (1, 2):
        scores = await tier.score(job(QUERY, ["a", "x"]))
        np.testing.assert_array_equal(scores.values, [1, np.nan])
        assert (scores.missing, scores.cached) == (Reason.BAD_SCORES, False)
        assert len(model.sizes) == calls
    assert model.sizes == [2, 1], "what has a score is not scored again"


async def test_without_any_logit_that_is_a_number_there_are_no_scores(over):
    scorer = await over(Overflowing(np.inf), 2)
    with pytest.raises(Unscored, match=Reason.BAD_SCORES):
        await scorer.score(job(QUERY, ["x", "xx", "xxx"]))


async def test_weights_that_give_no_numbers_are_refused_at_the_start(started, tiny_cross_encoder):
    path = tiny_cross_encoder / "model.safetensors"
    weights = load_file(path)
    save_file({name: tensor * np.nan for name, tensor in weights.items()}, path)
    with pytest.raises(BadConfig, match="cannot be loaded: its logits are no numbers in fp32"):
        await started(tiny_cross_encoder)


def test_a_model_that_is_closed_scores_no_more():
    pairs = TorchPairs(Lengths(), 4)
    pairs.close()
    with pytest.raises(RuntimeError, match="closed"):
        run(pairs, 1)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cuda:63", "mps"])
async def test_a_device_that_is_not_there_is_told(started, tiny_cross_encoder, device):
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(BadConfig, match=r"models\.mine\.model: cannot be loaded: torch .* sees"):
        await started(tiny_cross_encoder, device=device)


async def test_pickled_weights_are_not_opened(started, tiny_cross_encoder):
    torch.save({}, tiny_cross_encoder / "pytorch_model.bin")
    await started(tiny_cross_encoder)
    (tiny_cross_encoder / "model.safetensors").unlink()
    with pytest.raises(BadConfig, match=r"models\.mine\.model: only pickled weights"):
        await started(tiny_cross_encoder)


async def test_broken_weights_are_told(started, tiny_cross_encoder):
    (tiny_cross_encoder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(BadConfig, match=r"models\.mine\.model: cannot be loaded: "):
        await started(tiny_cross_encoder)


async def test_a_prompt_that_cannot_hold_a_pair_is_refused(started, tmp_path):
    """A chat model is no reranker: its template leaves out query and document."""
    folder = write_tiny_generator(tmp_path / "chat")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages if m.role == 'user' %}{{ m }}{% endfor %}"
    )
    with pytest.raises(BadConfig, match="cannot carry"):
        await started(folder)


def test_the_number_format_suits_device_and_model(tiny_cross_encoder):
    files = locate_for_torch(str(tiny_cross_encoder))
    assert place(files, "cpu").numbers == "fp32"
    assert place(files, "cpu", "bf16").dtype is torch.bfloat16
    assert place(files, "cpu", batch_size=7).batch_size == 7

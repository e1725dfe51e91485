"""Our own graphs against an independent forward pass: numpy for tiny models, torch for real ones."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from proxy.scoring.bert_config import BertConfig
from proxy.scoring.onnx_session import OnnxModel
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_reader import TextReader
from tests.fakes.tiny_bert import POSITIONS, forward, logit, tiny_config, write_tiny_bert

PAIRS = [
    ("which cat sat on the mat ?", "the cat sat on the mat . the dog ran far away ."),
    ("which dog ?", "the dog ran ."),
    ("a b c d e f g h", "a"),
    ("?", "the cat sat on the mat . " * 4),
]


def outputs(folder, *, precision, texts=PAIRS):
    """Return the graph's output of every pair, and the tokens of the pairs."""
    prepared = prepare(str(folder), precision=precision)
    reader = TextReader(prepared.tokenizer, prepared.max_tokens)
    encodings = [reader.pair(*pair) for pair in texts]
    graph = OnnxModel(prepared.graph)
    return [graph.run(one) for one in encodings], encodings


def test_the_logit_is_what_a_plain_forward_pass_gives(tiny_cross_encoder):
    weights = load_file(tiny_cross_encoder / "model.safetensors")
    found, encodings = outputs(tiny_cross_encoder, precision="fp32")
    expected = [logit(weights, one.ids, one.type_ids) for one in encodings]
    np.testing.assert_allclose(np.ravel(found), expected, atol=1e-4)


def test_the_token_embeddings_are_what_a_plain_forward_pass_gives(tiny_encoder):
    weights = load_file(tiny_encoder / "model.safetensors")
    found, encodings = outputs(tiny_encoder, precision="fp32")
    for one, encoding in zip(found, encodings, strict=True):
        np.testing.assert_allclose(one, forward(weights, encoding.ids, encoding.type_ids), atol=1e-4)


def test_int8_stays_close_to_float(tiny_encoder):
    """Eight bits cannot give more than some per cent, and random weights are the worst case."""
    for one, other in zip(
        outputs(tiny_encoder, precision="int8")[0],
        outputs(tiny_encoder, precision="fp32")[0],
        strict=True,
    ):
        assert np.abs(one - other).max() < 0.1 * np.abs(other).max()


def test_int8_keeps_every_column_of_weights_at_its_own_scale(tmp_path):
    """One large weight must not cost all others their precision."""
    folder = write_tiny_bert(tmp_path / "outlier", head="tokens")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.intermediate.dense.weight"][0, 0] = 300
    weights["encoder.layer.0.output.dense.weight"][:, 0] = 0  # so that only the scale could tell
    save_file(weights, folder / "model.safetensors")
    test_int8_stays_close_to_float(folder)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_int8_stays_close_to_float_with_every_activation(tmp_path, activation):
    test_int8_stays_close_to_float(write_tiny_bert(tmp_path / "tiny", head="tokens", activation=activation))


def test_the_longest_text_fits(tiny_encoder):
    prepared = prepare(str(tiny_encoder))
    assert prepared.max_tokens == POSITIONS
    encoding = TextReader(prepared.tokenizer, POSITIONS).one("the cat " * 100)
    assert OnnxModel(prepared.graph).run(encoding).shape == (POSITIONS, 16)


@pytest.mark.parametrize("change", [{"model_type": "bart"}, {"hidden_act": "swish"}, {"hidden_size": "wide"}])
def test_another_architecture_is_left_to_torch(change):
    assert BertConfig.read(tiny_config(family="bert", head="logit") | change) is None


def test_relative_positions_are_left_to_torch():
    config = tiny_config(family="bert", head="logit") | {"position_embedding_type": "relative_key"}
    assert BertConfig.read(config) is None


@pytest.mark.torch
@pytest.mark.timeout(300)  # torch alone takes long to import on a busy machine
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("head", ["logit", "tokens"])
@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta"])
def test_a_tiny_model_agrees_with_transformers(tmp_path, family, head, activation):
    transformers = pytest.importorskip("transformers", reason="needs the [torch] extra")
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    folder = write_tiny_bert(tmp_path / "tiny", family=family, head=head, activation=activation)
    found, encodings = outputs(folder, precision="fp32")
    kind = transformers.AutoModelForSequenceClassification if head == "logit" else transformers.AutoModel
    model = kind.from_pretrained(folder).eval()
    for one, encoding in zip(found, encodings, strict=True):
        feeds = {"input_ids": torch.tensor([encoding.ids])}
        if family == "bert":
            feeds["token_type_ids"] = torch.tensor([encoding.type_ids])
        with torch.inference_mode():
            expected = model(**feeds)[0][0].numpy()
        np.testing.assert_allclose(one, expected, atol=1e-3)  # weights as wild as these amplify rounding

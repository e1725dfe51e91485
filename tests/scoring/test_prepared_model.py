"""Which graph is used, where it is kept, and what is said when there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from safetensors.numpy import load_file, save_file

from proxy.errors import BadConfig
from proxy.scoring.onnx_session import OnnxModel
from proxy.scoring.prepared_model import cache_folder, prepare, prepare_apart
from proxy.scoring.text_reader import TextReader
from tests.fakes.tiny_bert import write_tiny_bert


def score(prepared) -> float:
    reader = TextReader(prepared.tokenizer, prepared.max_tokens)
    return float(OnnxModel(prepared.graph).run(reader.pair("which cat ?", "the cat sat on the mat ."))[0])


async def in_this_process(model: str, **options):
    return await asyncio.to_thread(prepare, model, **options)


def as_unknown_architecture(folder: Path) -> Path:
    """Make the folder one that our own graph builder has to decline."""
    path = folder / "config.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"model_type": "novel"}))
    return folder


def ship(folder: Path, precision: str, name: str) -> Path:
    """Let a model ship the graph that midrank would build for it."""
    target = folder / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(prepare(str(folder), precision=precision).graph.read_bytes())
    return target


def test_a_graph_is_made_once(tiny_cross_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(tmp_path))
    steps = []
    first = prepare(str(tiny_cross_encoder), progress=lambda *step: steps.append(step))
    assert steps[0] == (0, 2, "embeddings")
    assert steps[-1] == (1, 1, "written")
    made = first.graph.stat().st_mtime_ns
    assert prepare(str(tiny_cross_encoder), progress=lambda *_: pytest.fail("made again")) == first
    assert first.graph.stat().st_mtime_ns == made


def test_graphs_are_kept_where_the_environment_says(tiny_cross_encoder, graph_cache):
    assert prepare(str(tiny_cross_encoder)).graph.parent == graph_cache
    assert cache_folder({}) == Path.home() / ".cache" / "midrank" / "models"


def test_nothing_but_graphs_is_left_in_the_cache(tiny_cross_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(tmp_path / "cache"))
    graph = prepare(str(tiny_cross_encoder)).graph
    assert list(graph.parent.iterdir()) == [graph]


@pytest.mark.parametrize(("machine", "graphs"), [("x86_64", 2), ("aarch64", 1)])
def test_an_image_has_the_graph_of_every_cpu_it_may_run_on(
    tiny_cross_encoder, tmp_path, monkeypatch, machine, graphs
):
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: machine)
    made = prepare(str(tiny_cross_encoder), every_cpu=True)
    assert made == prepare(str(tiny_cross_encoder), progress=lambda *_: pytest.fail("made again"))
    assert len(list(made.graph.parent.iterdir())) == graphs


def test_floats_are_the_same_on_every_cpu(tiny_cross_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(tmp_path))
    graph = prepare(str(tiny_cross_encoder), precision="fp32", every_cpu=True).graph
    assert list(graph.parent.iterdir()) == [graph]


@pytest.mark.parametrize("changed", ["model.safetensors", "config.json", "tokenizer.json"])
def test_another_file_is_another_model(tiny_cross_encoder, changed):
    before = prepare(str(tiny_cross_encoder))
    if changed == "model.safetensors":
        weights = load_file(tiny_cross_encoder / changed)
        save_file({name: 2 * one for name, one in weights.items()}, tiny_cross_encoder / changed)
    else:
        path = tiny_cross_encoder / changed
        path.write_bytes(path.read_bytes() + b"\n")
    after = prepare(str(tiny_cross_encoder))
    assert before.identity != after.identity
    assert before.graph != after.graph


def test_precisions_are_models_of_their_own(tiny_cross_encoder):
    int8, fp32 = (prepare(str(tiny_cross_encoder), precision=one) for one in ("int8", "fp32"))
    assert int8.identity != fp32.identity
    assert score(int8) == pytest.approx(score(fp32), abs=0.3)


@pytest.mark.parametrize(
    ("precision", "name"), [("fp32", "model.onnx"), ("int8", "onnx/model_quantized.onnx")]
)
def test_a_shipped_graph_of_the_wanted_precision_is_used_as_it_is(tiny_cross_encoder, precision, name):
    shipped = ship(tiny_cross_encoder, precision, name)
    assert prepare(str(tiny_cross_encoder), precision=precision).graph == shipped


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_shipped_float_graph_of_another_architecture_is_quantised(tiny_cross_encoder, graph_cache):
    shipped = ship(tiny_cross_encoder, "fp32", "onnx/model.onnx")
    expected = score(prepare(str(tiny_cross_encoder), precision="fp32"))
    (as_unknown_architecture(tiny_cross_encoder) / "model.safetensors").unlink()
    prepared = prepare(str(tiny_cross_encoder))
    assert prepared.graph != shipped
    assert prepared.graph.parent == graph_cache
    assert score(prepared) == pytest.approx(expected, abs=0.3)


async def test_a_server_has_the_graph_made_in_another_process(tiny_cross_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(tmp_path / "cache"))
    prepared = await prepare_apart(str(tiny_cross_encoder), precision="int8")
    assert len(list((tmp_path / "cache" / "models").iterdir())) == 1
    assert prepared == await in_this_process(str(tiny_cross_encoder))


@pytest.mark.parametrize("how", [in_this_process, prepare_apart])
async def test_weights_that_lack_a_tensor_are_named(tiny_cross_encoder, how):
    weights = load_file(tiny_cross_encoder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tiny_cross_encoder / "model.safetensors")
    with pytest.raises(BadConfig, match=r"models\.x\.model: cannot be exported: .*'classifier\.weight'"):
        await how(str(tiny_cross_encoder), precision="int8", key="models.x.model")


def test_broken_weights_are_told(tiny_cross_encoder):
    (tiny_cross_encoder / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(BadConfig, match="cannot be exported"):
        prepare(str(tiny_cross_encoder))


def test_a_cache_that_cannot_be_written_is_told(tiny_cross_encoder, tmp_path, monkeypatch):
    (tmp_path / "a-file").write_text("not a folder")
    monkeypatch.setenv("MIDRANK_CACHE_DIR", str(tmp_path / "a-file"))
    with pytest.raises(BadConfig, match="cannot be exported"):
        prepare(str(tiny_cross_encoder))


@pytest.mark.torch
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_other_architectures_are_exported_through_torch(tmp_path):
    pytest.importorskip("onnxscript", reason="needs the [torch] extra")
    torch = pytest.importorskip("torch", reason="needs the [torch] extra")
    transformers = pytest.importorskip("transformers", reason="needs the [torch] extra")
    folder = write_tiny_bert(tmp_path / "tiny")
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=25, dim=16, hidden_dim=32, n_heads=2, n_layers=1, max_position_embeddings=40, num_labels=1
    )
    model = transformers.DistilBertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    prepared = prepare(str(folder), precision="fp32")
    encoding = TextReader(prepared.tokenizer, 40).pair("which cat ?", "the cat sat on the mat .")
    with torch.inference_mode():
        expected = model(torch.tensor([encoding.ids])).logits.item()
    assert float(OnnxModel(prepared.graph).run(encoding)[0]) == pytest.approx(expected, abs=1e-4)
    assert score(prepare(str(folder))) == pytest.approx(expected, abs=0.1)

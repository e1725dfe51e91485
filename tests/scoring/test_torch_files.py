"""Which models are opened with torch, and which are refused before torch is asked. None of it needs torch."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

from proxy.errors import BadConfig
from proxy.scoring.cross_encoder_torch import CrossEncoderTorch
from proxy.scoring.torch_files import locate_for_torch

COMMIT = "0123456789" * 4


def change_config(folder, **changes) -> None:
    path = folder / "config.json"
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changes))


def refusal(model, revision: str | None = None) -> str:
    with pytest.raises(BadConfig) as refused:
        locate_for_torch(str(model), revision, key="models.mine.model")
    (mistake,) = refused.value.mistakes
    assert mistake.key == "models.mine.model"
    return mistake.value


def test_a_directory_with_safetensors_is_taken(tiny_cross_encoder):
    files = locate_for_torch(str(tiny_cross_encoder))
    assert files.folder == tiny_cross_encoder
    assert files.positions == 40


def test_weights_in_several_files_are_taken(tiny_cross_encoder):
    """As those of large models are."""
    weights = tiny_cross_encoder / "model.safetensors"
    weights.rename(tiny_cross_encoder / "model-00001-of-00002.safetensors")
    locate_for_torch(str(tiny_cross_encoder))


def test_pickled_weights_are_refused(tiny_cross_encoder):
    (tiny_cross_encoder / "model.safetensors").rename(tiny_cross_encoder / "pytorch_model.bin")
    assert refusal(tiny_cross_encoder) == "only pickled weights, which are never opened"


def test_pickled_weights_of_a_module_are_refused(tiny_cross_encoder):
    """The library falls back to the pickle of a module that has nothing else."""
    kind = "sentence_transformers.base.modules.dense.Dense"
    (tiny_cross_encoder / "modules.json").write_bytes(orjson.dumps([{"type": kind, "path": "1_Dense"}]))
    (tiny_cross_encoder / "1_Dense").mkdir()
    (tiny_cross_encoder / "1_Dense" / "pytorch_model.bin").write_bytes(b"")
    assert refusal(tiny_cross_encoder) == "only pickled weights, which are never opened"


def test_a_model_with_code_of_its_own_is_refused(tiny_cross_encoder):
    change_config(tiny_cross_encoder, auto_map={"AutoModel": "modeling_mine.Mine"})
    assert refusal(tiny_cross_encoder) == "it needs code of its own, which is never run"


@pytest.mark.parametrize("kind", ["modeling_mine.Mine", "os.system", "sentence_transformers_mine.Mine"])
def test_a_module_that_is_not_the_librarys_is_refused(tiny_cross_encoder, kind):
    (tiny_cross_encoder / "modules.json").write_bytes(orjson.dumps([{"type": kind, "path": ""}]))
    assert refusal(tiny_cross_encoder) == "it needs code of its own, which is never run"


@pytest.mark.parametrize("path", ["..", "/etc", "a/../../b"])
def test_a_module_outside_of_the_model_is_refused(tiny_cross_encoder, path):
    kind = "sentence_transformers.base.modules.dense.Dense"
    (tiny_cross_encoder / "modules.json").write_bytes(orjson.dumps([{"type": kind, "path": path}]))
    assert refusal(tiny_cross_encoder) == "modules.json names a folder outside of the model's"


@pytest.mark.parametrize("modules", [{}, [1], [{"type": 1, "path": ""}], "x"])
def test_modules_that_are_none_are_refused(tiny_cross_encoder, modules):
    (tiny_cross_encoder / "modules.json").write_bytes(orjson.dumps(modules))
    assert refusal(tiny_cross_encoder) == "modules.json is not a list of modules"


def test_an_adapter_is_refused(tiny_cross_encoder):
    """It names another model, which nobody pinned."""
    (tiny_cross_encoder / "adapter_config.json").write_bytes(b"{}")
    assert refusal(tiny_cross_encoder) == "an adapter of another model"


def test_an_embedding_model_is_refused(tiny_encoder):
    assert refusal(tiny_encoder) == "not a cross-encoder"


def test_a_classifier_of_several_labels_is_refused(tiny_cross_encoder):
    change_config(tiny_cross_encoder, id2label={"0": "no", "1": "yes"})
    assert refusal(tiny_cross_encoder) == "a classifier of 2 labels"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.json", "config.json is missing or not an object"),
        ("tokenizer.json", "no tokenizer.json"),
        ("model.safetensors", "no weights"),
    ],
)
def test_a_missing_file_is_named(tiny_cross_encoder, name, said):
    (tiny_cross_encoder / name).unlink()
    assert refusal(tiny_cross_encoder) == said


def test_a_missing_directory_is_told(tmp_path):
    assert refusal(tmp_path / "nowhere") == "no such directory"


def test_a_hub_id_needs_a_commit():
    assert refusal("org/name") == "a hub id without a revision"


def test_a_hub_id_is_not_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert refusal("midrank-tests/none", COMMIT) == "neither a directory nor in the hub's local cache"


def test_the_digest_changes_with_whatever_decides_scores(tiny_cross_encoder):
    def digest() -> str:
        return locate_for_torch(str(tiny_cross_encoder)).digest()

    seen = {digest()}
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"):
        with (tiny_cross_encoder / name).open("ab") as file:
            file.write(b" ")
        seen.add(digest())
    assert len(seen) == 5
    (tiny_cross_encoder / "README.md").write_text("about it")
    assert digest() in seen


def test_a_model_made_in_bf16_is_known_by_its_configuration(tiny_cross_encoder):
    assert not locate_for_torch(str(tiny_cross_encoder)).made_in_bf16
    change_config(tiny_cross_encoder, dtype="bfloat16")
    assert locate_for_torch(str(tiny_cross_encoder)).made_in_bf16


def test_serving_imports_no_torch():
    """Not even with a scorer that would: it has not been started."""
    code = (
        "import sys, proxy.app, proxy.scoring.cross_encoder_torch as mine; "
        "mine.CrossEncoderTorch('somewhere', name='mine'); "
        "sys.exit(bool({'torch', 'sentence_transformers', 'transformers'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_without_the_extra_it_is_named(tiny_cross_encoder, monkeypatch):
    monkeypatch.setitem(sys.modules, "proxy.scoring.torch_device", None)
    with pytest.raises(BadConfig, match=r"models\.mine\.model: cannot be run: .*midrank\[torch\]"):
        await CrossEncoderTorch(str(tiny_cross_encoder), name="mine").start()

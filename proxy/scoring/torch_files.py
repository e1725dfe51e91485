"""Finds the files of a model for torch, and refuses what would run code: pickles, and modules of its own.

A model is a local directory, or a hub id at a commit that is named and has been downloaded before. It has
`config.json`, `tokenizer.json` and safetensors, in one file or several. Torch is not imported here: a policy
can be checked without it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from proxy.errors import BadConfig, Mistake
from proxy.scoring.bert_config import BertConfig
from proxy.scoring.model_files import sha256

_WANTED = "a directory or hub id with config.json, tokenizer.json and safetensors"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# The heads that `sentence_transformers.CrossEncoder` turns into one score for a pair.
_HEADS = ("ForSequenceClassification", "ForCausalLM")
# What decides scores; beside it may lie an ONNX export, a README, ...
_READ = (".json", ".jinja", ".txt", ".model", ".safetensors")


@dataclass(frozen=True, slots=True)
class TorchFiles:
    """Where a model's files are; nothing is loaded but its configuration."""

    folder: Path
    config: dict[str, Any]

    @property
    def made_in_bf16(self) -> bool:
        """Whether its numbers may be too large for fp16."""
        return "bfloat16" in (self.config.get("dtype"), self.config.get("torch_dtype"))

    @property
    def positions(self) -> int | None:
        """The longest pair, in tokens, that the model has positions for; None: its tokenizer knows."""
        bert = BertConfig.read(self.config)
        return bert.max_tokens if bert else None

    def digest(self) -> str:
        """Return a digest of everything that decides scores: weights, configuration, tokenizer, template.

        Reads all of it. The commit need not be told beside it: it stands for nothing but these files.
        """
        read = sorted(path for folder in _folders(self.folder) for path in folder.iterdir() if _is_read(path))
        names = [f"{path.relative_to(self.folder).as_posix()} {sha256(path)}\n" for path in read]
        return hashlib.sha256("".join(names).encode()).hexdigest()


def locate_for_torch(model: str, revision: str | None = None, *, key: str = "model") -> TorchFiles:
    """Return where the files of a model are, without asking the hub.

    Raises:
        BadConfig: they are not there, or can't be used without running code; `key` is what is blamed.
    """
    try:
        return _checked(_folder(model, revision))
    except _Unusable as unusable:
        raise BadConfig((Mistake(model, key, unusable.found, unusable.allowed),)) from unusable


class _Unusable(Exception):
    def __init__(self, found: str, allowed: str = _WANTED) -> None:
        super().__init__(found)
        self.found = found
        self.allowed = allowed


def _folder(model: str, revision: str | None) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if _HUB_ID.fullmatch(model) is None:
        raise _Unusable("no such directory")
    if revision is None:
        raise _Unusable("a hub id without a revision", "the commit to use, of 40 hexadecimal digits")
    from huggingface_hub import snapshot_download  # noqa: PLC0415 (not needed for local models)
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError) as error:
        raise _Unusable(
            "neither a directory nor in the hub's local cache",
            f"run `hf download {model} --revision {revision}` first",
        ) from error


def _checked(folder: Path) -> TorchFiles:
    config = _read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise _Unusable("config.json is missing or not an object")
    # A class of the library may have the same name and load: its weights would be random.
    if "auto_map" in config:
        raise _Unusable("it needs code of its own, which is never run", "a model that the library knows")
    if (folder / "adapter_config.json").exists():
        raise _Unusable("an adapter of another model", f"{_WANTED}; merge the two and save them as one")
    if not str(next(iter(config.get("architectures") or ()), "")).endswith(_HEADS):
        raise _Unusable("not a cross-encoder", "a sequence classifier or a causal language model")
    labels = config.get("id2label")
    if isinstance(labels, dict) and len(labels) != 1 and _classifies(config):
        raise _Unusable(f"a classifier of {len(labels)} labels", "a reranker, which has one label")
    if not (folder / "tokenizer.json").is_file():
        raise _Unusable("no tokenizer.json", f"{_WANTED}; a slow tokenizer can be saved as a fast one once")
    for part in _folders(folder):
        if any(part.glob("pytorch_model*.bin")) and not any(part.glob("*.safetensors")):
            raise _Unusable("only pickled weights, which are never opened", f"{_WANTED}; save as safetensors")
    if not any(folder.glob("*.safetensors")):
        raise _Unusable("no weights")
    return TorchFiles(folder, config)


def _classifies(config: dict[str, Any]) -> bool:
    return str(config["architectures"][0]).endswith("ForSequenceClassification")


def _folders(folder: Path) -> list[Path]:
    """Return the folders of a model's modules: its own, and those that `modules.json` names."""
    modules = _read_json(folder / "modules.json") if (folder / "modules.json").exists() else []
    parts = [folder]
    for module in modules if isinstance(modules, list) else [modules]:
        kind, path = (module.get("type"), module.get("path")) if isinstance(module, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(path, str):
            raise _Unusable("modules.json is not a list of modules")
        if not kind.startswith("sentence_transformers."):
            raise _Unusable("it needs code of its own, which is never run", "a model that the library knows")
        part = (folder / path).resolve()
        if not part.is_relative_to(folder.resolve()):
            raise _Unusable("modules.json names a folder outside of the model's")
        if path and (folder / path).is_dir():
            parts.append(folder / path)
    return parts


def _read_json(path: Path) -> object:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None


def _is_read(path: Path) -> bool:
    return path.is_file() and path.suffix in _READ

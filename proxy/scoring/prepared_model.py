"""Makes a model ready to run: its ONNX graph, exported and quantised once, then found in the cache folder.

The first of these that can be had is used:

1. an ONNX file of the wanted precision that the model ships;
2. for the BERT family, a graph of our own: from config and safetensors, without torch (`bert_onnx`);
3. for int8, the float32 ONNX file that the model ships, quantised;
4. an export through torch, if the `[torch]` extra is installed (`torch_export`).

2 to 4 are kept in `$MIDRANK_CACHE_DIR`, or `~/.cache/midrank`, under a name that holds the digest of the
model's files. A server has them made in a process of its own, which takes the memory of the export with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from proxy.errors import BadConfig, Mistake
from proxy.scoring.cpus import multiplies_bytes_exactly, some_multiply_otherwise
from proxy.scoring.model_files import locate, sha256
from proxy.scoring.prepared import PreparedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.scoring.model_files import ModelFiles, Precision

Progress: TypeAlias = "Callable[[int, int, str], None]"

# Raised with every change of the graphs, so that an export cached by an older midrank is not used.
GRAPH_VERSION = 5


def no_progress(step: int, total: int, label: str) -> None:
    """Show nothing."""


def prepare(
    model: str,
    *,
    precision: Precision = "int8",
    every_cpu: bool = False,
    progress: Progress = no_progress,
    key: str = "model",
) -> PreparedModel:
    """Fetch, export and quantise what is not there yet, in this process; `progress(step, total, label)`.

    With `every_cpu` also for CPUs that multiply bytes otherwise than this one; returned is what is for this.

    Raises:
        BadConfig: the model cannot be had or cannot be exported.
    """
    files = locate(model, key=key, download=True)
    own = _weight_bits(precision)
    others = (7, 8) if every_cpu and own and some_multiply_otherwise() else ()
    for bits in {own, *others}:
        _make(files, bits, _plan(files, precision, bits), progress, key)
    return _plan(files, precision, own)


async def prepare_apart(model: str, *, precision: Precision, key: str = "model") -> PreparedModel:
    """Do as `prepare`, off the event loop, in a process of its own, and without asking the hub.

    Raises:
        BadConfig: the model is not there or cannot be exported.
    """
    return await asyncio.to_thread(_prepare_apart, model, precision, key)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return where graphs are kept."""
    chosen = environment.get("MIDRANK_CACHE_DIR")
    return (Path(chosen) if chosen else Path.home() / ".cache" / "midrank") / "models"


_NOT_EXPORTED = (OSError, ValueError, KeyError, ImportError, RuntimeError)


def _make(files: ModelFiles, bits: int | None, prepared: PreparedModel, progress: Progress, key: str) -> None:
    if prepared.graph.exists():
        return
    from proxy.scoring.model_export import export  # noqa: PLC0415 (imports onnx, which serving must not)

    try:
        export(files, bits, prepared.graph, progress)
    except _NOT_EXPORTED as error:
        reason = str(error).partition("\n")[0]
        raise _not_exported(files.name, key, f"cannot be exported: {reason}") from error


def _plan(files: ModelFiles, precision: Precision, weight_bits: int | None) -> PreparedModel:
    """Return what will be there once the model has been prepared."""
    shipped = files.shipped(precision)
    source = shipped or (files.weights if files.bert else files.shipped("fp32") or files.weights)
    # The same weights under another configuration or tokenizer are another model.
    parts = (source, files.folder / "config.json", files.tokenizer)
    digest = hashlib.sha256("".join(map(sha256, parts)).encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(files.name).name)
    bits = None if shipped else weight_bits
    numbers = precision if bits in (None, 8) else f"{precision}-{bits}bit"
    graph = f"{name}-{digest[:16]}-{files.head}-{numbers}-v{GRAPH_VERSION}.onnx"
    return PreparedModel(
        graph=shipped or cache_folder(os.environ) / graph,
        tokenizer=files.tokenizer,
        head=files.head,
        max_tokens=files.max_tokens,
        identity=f"{digest}-{files.head}-{numbers}-v{GRAPH_VERSION}",
    )


def _weight_bits(precision: Precision) -> int | None:
    """Return how many bits a weight gets; None: it stays a float."""
    if precision == "fp32":
        return None
    return 8 if multiplies_bytes_exactly() else 7


def _prepare_apart(model: str, precision: Precision, key: str) -> PreparedModel:
    prepared = _plan(locate(model, key=key), precision, _weight_bits(precision))
    if not prepared.graph.exists():
        # -P: not what happens to be in the working directory under the name of our package.
        command = (sys.executable, "-P", "-m", "proxy.scoring.prepared_model", model, precision)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HF_HUB_OFFLINE": "1",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (our own module)
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2] or f"the export ended with {done.returncode}"
            raise _not_exported(model, key, reason)
    return prepared


def _not_exported(model: str, key: str, reason: str) -> BadConfig:
    allowed = "a model that can be exported; `midrank prepare` shows how it goes"
    return BadConfig((Mistake(model, key, reason, allowed),))


if __name__ == "__main__":
    try:
        prepare(sys.argv[1], precision=cast("Precision", sys.argv[2]))
    except BadConfig as bad:
        sys.exit(bad.mistakes[0].value)

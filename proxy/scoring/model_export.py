"""Writes a model's ONNX graph into the cache folder.

It imports onnx, which takes more memory than a small model; the serving process does not import this file.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
from safetensors import SafetensorError, safe_open

from proxy.scoring.bert_onnx import BertGraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from proxy.scoring.bert_config import BertConfig
    from proxy.scoring.model_files import ModelFiles
    from proxy.scoring.prepared_model import Progress


def export(files: ModelFiles, weight_bits: int | None, target: Path, progress: Progress) -> None:
    """Make the graph of a model and put it at `target`, whole or not at all.

    It is int8 with so many bits for its weights, or float32 with None.

    Raises:
        OSError, ValueError, KeyError, ImportError, RuntimeError: it cannot be made, and why.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        graph = Path(folder) / "graph.onnx"
        if (bert := files.bert) is not None:
            _build(files, bert, weight_bits, graph, progress)
        else:
            _convert(files, weight_bits, graph, progress)
        progress(1, 1, "written")
        graph.replace(target)


def _build(
    files: ModelFiles, config: BertConfig, weight_bits: int | None, graph: Path, progress: Progress
) -> None:
    try:
        with _weights(files.weights, config.prefix) as weight:
            onnx.save(BertGraph(config, weight, weight_bits, progress).build(files.head), graph)
    except SafetensorError as error:
        raise ValueError(f"the weights are unreadable: {error}") from error


def _convert(files: ModelFiles, weight_bits: int | None, graph: Path, progress: Progress) -> None:
    """Go by float32 ONNX, which the model ships or torch exports."""
    source = files.shipped("fp32")
    if source is None:
        from proxy.scoring.torch_export import export_with_torch  # noqa: PLC0415 (imports torch)

        progress(0, 2, "exporting with torch")
        source = graph if weight_bits is None else graph.with_name("float32.onnx")
        export_with_torch(files.folder, source)
    if weight_bits is not None:
        import proxy.scoring.quiet_runtime  # noqa: PLC0415, F401 (before the runtime is imported)

        # isort: split
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 (slow to import)

        progress(1, 2, "quantising")
        # Types cannot be inferred behind operators that only the runtime has; theirs are float all the same.
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(
            source,
            graph,
            per_channel=True,
            reduce_range=weight_bits < 8,
            weight_type=QuantType.QInt8,
            extra_options=options,
        )


@contextmanager
def _weights(path: Path, prefix: str) -> Iterator[Callable[[str], NDArray[np.float32]]]:
    """Open a checkpoint; the yielded function reads one tensor, with or without the encoder's prefix."""
    with safe_open(path, framework="numpy") as file:
        names = set(file.keys())

        def weight(name: str) -> NDArray[np.float32]:
            stored = prefix + name if prefix + name in names else name
            if stored not in names:
                raise ValueError(f"the weights have no tensor {name!r}")
            return cast("NDArray[np.float32]", file.get_tensor(stored).astype(np.float32))

        yield weight

"""Exports a model that midrank cannot build itself through torch, which only the `[torch]` extra installs."""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def export_with_torch(folder: Path, target: Path) -> None:
    """Write the float32 ONNX graph of the sequence-classification model in `folder`.

    Raises:
        ImportError: the extra is not installed.
        ValueError: the model cannot be loaded without running code of its own.
    """
    try:
        import torch  # noqa: PLC0415 (an extra)
        from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415
    except ImportError as error:
        raise ImportError("this architecture needs torch: pip install 'midrank[torch]'") from error
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True, use_safetensors=True
    ).eval()
    pair = tokenizer("which one?", "this one, of course", return_tensors="pt")
    names = [name for name in pair if name in inspect.signature(model.forward).parameters]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        torch.onnx.export(
            model,
            (),
            target,
            kwargs={name: pair[name] for name in names},
            input_names=names,
            output_names=["logits"],
            dynamic_shapes={name: {1: torch.export.Dim.DYNAMIC} for name in names},
            dynamo=True,
            external_data=False,
            verbose=False,
        )

"""On which device a model runs on torch, and in which number format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import torch

if TYPE_CHECKING:
    from proxy.scoring.torch_files import TorchFiles

Numbers: TypeAlias = Literal["fp32", "fp16", "bf16"]

_DTYPES: dict[Numbers, torch.dtype] = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
# Texts in one call. On a GPU a call of some texts takes hardly longer than one of a single text, until all
# of its units are busy. On a CPU it takes as much longer as there is more to do, and a deadline is easier met
# in small steps.
_BATCH = {"cuda": 32, "mps": 8, "cpu": 4}


class Placement(NamedTuple):
    """Where a model runs: `device` as torch names it, the format, and the most texts in one call."""

    device: str
    numbers: Numbers
    batch_size: int

    @property
    def dtype(self) -> torch.dtype:
        """The number format as torch names it."""
        return _DTYPES[self.numbers]

    @property
    def kind(self) -> str:
        """The kind of device: scores differ a little from one kind to another."""
        return self.device.partition(":")[0]


def place(
    files: TorchFiles, device: str = "auto", numbers: Numbers | Literal["auto"] = "auto", batch_size: int = 0
) -> Placement:
    """Choose what is left to choose: `auto`, and a batch size of 0.

    Raises:
        ValueError: this machine, or this torch, has no such device.
    """
    device = _best_device() if device == "auto" else device
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ValueError(f"torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"torch {torch.__version__} sees no MPS device")
    if numbers == "auto":
        # In fp16 a logit has eight times the digits of bf16, which leaves fewer ties.
        numbers = "fp32" if kind != "cuda" else "bf16" if files.made_in_bf16 else "fp16"
    return Placement(device, numbers, batch_size or _BATCH[kind])


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"

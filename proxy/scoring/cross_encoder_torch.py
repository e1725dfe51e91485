"""A cross-encoder on torch: on a GPU, or where ONNX Runtime can't have the model.

It scores as `cross_encoder_onnx` does, in raw logits. Torch comes with the `[torch]` extra, and is imported
when such a model starts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from proxy.errors import BadConfig, Mistake
from proxy.scoring.cpus import usable_cpus
from proxy.scoring.cross_encoder import CrossEncoder, LoadedModel, Reading
from proxy.scoring.torch_files import locate_for_torch

if TYPE_CHECKING:
    from proxy.policy_torch import CrossEncoderTorchModel

_ALLOWED = "a model that sentence-transformers can load as a CrossEncoder, on a device of this machine"


@dataclass(frozen=True, slots=True)
class TorchSettings:
    """Which commit of a model runs where; 0 is the usual batch size of the device, and all usable CPUs."""

    revision: str | None = None
    device: str = "auto"
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    batch_size: int = 0
    threads: int = 0


class CrossEncoderTorch(CrossEncoder):
    """A scorer; the model is a local directory or a hub id of a reranker of sentence-transformers."""

    def __init__(
        self,
        model: str,
        *,
        name: str,
        settings: TorchSettings | None = None,
        reading: Reading | None = None,
    ) -> None:
        """Take the settings; a text is read in one window of `max_tokens`, whatever else `reading` says."""
        reading = reading or Reading()
        reading = Reading(reading.max_tokens, reading.max_tokens, per_search=reading.per_search)
        settings = settings or TorchSettings()
        super().__init__(
            partial(_load, model, settings, reading.max_tokens, f"models.{name}.model"),
            name=name,
            reading=reading,
        )


def torch_scorer(name: str, model: CrossEncoderTorchModel) -> CrossEncoderTorch:
    """Return the scorer that a model of the policy describes; it loads nothing yet."""
    return CrossEncoderTorch(
        model.model,
        name=name,
        settings=TorchSettings(model.revision, model.device, model.dtype, model.batch_size, model.threads),
        reading=Reading(model.max_tokens, model.max_tokens, per_search=model.max_search_tokens),
    )


async def _load(model: str, settings: TorchSettings, max_tokens: int, key: str) -> LoadedModel:
    """Load a model in a thread.

    Raises:
        BadConfig: it is not there, is no cross-encoder, or doesn't fit this machine.
    """
    try:
        return await asyncio.to_thread(_open, model, settings, max_tokens, key)
    except BadConfig:
        raise
    except Exception as error:  # (three libraries, each with exceptions of its own)
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise BadConfig((Mistake(model, key, f"cannot be loaded: {reason}", _ALLOWED),)) from error


def _open(model: str, settings: TorchSettings, max_tokens: int, key: str) -> LoadedModel:
    files = locate_for_torch(model, settings.revision, key=key)
    try:
        from proxy.scoring.torch_device import place  # noqa: PLC0415 (imports torch)
        from proxy.scoring.torch_pairs import open_pairs  # noqa: PLC0415
    except ImportError as error:
        mistake = Mistake(model, key, f"cannot be run: {error}", "pip install 'midrank[torch]'")
        raise BadConfig((mistake,)) from error
    placement = place(files, settings.device, settings.dtype, settings.batch_size)
    pairs, longest = open_pairs(files, placement, max_tokens, settings.threads or usable_cpus())
    identity = f"{files.digest()}-torch-{placement.kind}-{placement.numbers}"
    # Calls of one model are not made in parallel: a device has one queue, and a tokenizer one state.
    return LoadedModel(pairs, identity, longest, threads=1)

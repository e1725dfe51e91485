"""A cross-encoder on ONNX Runtime: without torch, in a graph that was exported and quantised once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from proxy.scoring.cross_encoder import CrossEncoder, LoadedModel, Reading
from proxy.scoring.local_model import load

if TYPE_CHECKING:
    from proxy.scoring.local_model import Isolation
    from proxy.scoring.model_files import Precision


class CrossEncoderOnnx(CrossEncoder):
    """A scorer; the model is a local directory or a hub id of a sequence classifier with one label."""

    def __init__(
        self,
        model: str,
        *,
        name: str,
        precision: Precision = "int8",
        reading: Reading | None = None,
        threads: int = 0,
        isolation: Isolation = "thread",
    ) -> None:
        """Take the settings; 0 threads are all usable CPUs."""
        super().__init__(
            partial(_load, model, name, precision, threads, isolation), name=name, reading=reading
        )


async def _load(
    model: str, name: str, precision: Precision, threads: int, isolation: Isolation
) -> LoadedModel:
    """Prepare a model if need be, and load it.

    Raises:
        BadConfig: there is no such model, or it is not a cross-encoder.
    """
    prepared, graph, threads = await load(
        model, name=name, head="logit", precision=precision, threads=threads, isolation=isolation
    )
    return LoadedModel(graph, prepared.identity, prepared.max_tokens, threads)

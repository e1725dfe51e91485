"""What stands behind each kind of model that a policy can name."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from proxy.errors import BadConfig, Mistake
from proxy.policy import CrossEncoderOnnxModel, LateInteractionModel
from proxy.policy_llm import LlmModel
from proxy.policy_remote import RemoteModel
from proxy.policy_torch import CrossEncoderTorchModel
from proxy.scoring.cross_encoder import Reading
from proxy.scoring.cross_encoder_onnx import CrossEncoderOnnx
from proxy.scoring.cross_encoder_torch import torch_scorer
from proxy.scoring.late_interaction import LateInteraction
from proxy.scoring.llm.build import llm_scorer, prompt_mistakes
from proxy.scoring.model_files import BUILT_IN_MODEL, locate
from proxy.scoring.remote.from_policy import remote_scorer
from proxy.scoring.text_model import Encoding
from proxy.scoring.token_matrices import TokenMatrices
from proxy.scoring.torch_files import locate_for_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxy.policy import Model, Policy
    from proxy.scoring.base import ModelScorer


def build_scorer(name: str, model: Model) -> ModelScorer:
    """Return the scorer that a model of the policy describes; it loads nothing yet."""
    match model:
        case LateInteractionModel():
            matrices = TokenMatrices(
                model.memory_mb * 2**20, path=Path(model.file) if model.file is not None else None
            )
            return LateInteraction(
                BUILT_IN_MODEL,
                name=name,
                precision=model.precision,
                encoding=Encoding(model.max_tokens, model.windows, model.pooling),
                matrices=matrices,
                threads=model.threads,
                isolation=model.isolation,
            )
        case CrossEncoderOnnxModel():
            return CrossEncoderOnnx(
                model.model,
                name=name,
                precision=model.precision,
                reading=Reading(
                    max_tokens=model.max_tokens,
                    min_tokens=min(model.min_tokens or model.max_tokens, model.max_tokens),
                    windows=model.windows,
                    per_search=model.max_search_tokens,
                ),
                threads=model.threads,
                isolation=model.isolation,
            )
        case RemoteModel():
            return remote_scorer(name, model)
        case LlmModel():
            return llm_scorer(name, model)
        case CrossEncoderTorchModel():
            return torch_scorer(name, model)
        case _:
            assert_never(model)


def locate_models(policy: Policy) -> None:
    """Check that the files of every model in use are there, without loading any.

    Raises:
        BadConfig: some are missing; all of them are named.
    """
    mistakes = [mistake for name in policy.used_models for mistake in _missing(name, policy.models[name])]
    if mistakes:
        raise BadConfig(tuple(mistakes))


def _missing(name: str, model: Model) -> Sequence[Mistake]:
    """Return what is wrong with the files of a model."""
    match model:
        case LateInteractionModel():
            return _faults(name, BUILT_IN_MODEL, partial(locate, BUILT_IN_MODEL))
        case CrossEncoderOnnxModel():
            return _faults(name, model.model, partial(locate, model.model))
        case CrossEncoderTorchModel():
            return _faults(name, model.model, partial(locate_for_torch, model.model, model.revision))
        case RemoteModel():
            return ()  # nothing of it is here
        case LlmModel():
            return prompt_mistakes(name, model)
        case _:
            assert_never(model)


def _faults(name: str, source: str, look: Callable[..., object]) -> Sequence[Mistake]:
    try:
        look(key=f"models.{name}")
    except BadConfig as error:
        return [
            Mistake("(policy)", f"models.{name}", f"{source!r}: {one.value}", one.allowed)
            for one in error.mistakes
        ]
    return ()

"""The policy's part about models that run on torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from proxy.policy_breaker import ModelSettings


class CrossEncoderTorchModel(ModelSettings):
    """A reranker of sentence-transformers on a GPU, or on the CPU where ONNX can't have it; needs [torch]."""

    kind: Literal["cross_encoder_torch"] = Field(description="What reranks.")
    model: str = Field(min_length=1, description="Local directory or hub id, with safetensors.")
    revision: str | None = Field(
        None,
        pattern="^[0-9a-f]{40}$",
        description="Commit of a hub id, which must be named: weights don't change behind your back.",
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,2})?)$",
        description="auto, cpu, mps, cuda or cuda:N; auto: a GPU if there is one.",
    )
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto",
        description="Number format; auto: on CUDA bf16 for a model that was made in it and fp16 for others, "
        "elsewhere fp32.",
    )
    max_tokens: int = Field(256, ge=16, le=32768, description="Tokens read of query and document together.")
    max_search_tokens: int = Field(
        65536, ge=512, le=1048576, description="Tokens read for one search, queries included."
    )
    batch_size: int = Field(
        0, ge=0, le=1024, description="Most texts in one call of the model; 0: as suits the device."
    )
    threads: int = Field(0, ge=0, le=256, description="Threads on a CPU; 0: what the CPU quota allows.")

"""What midrank needs to know of a BERT-family model's config.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class BertConfig(BaseModel):
    """The part of a Hugging Face config.json that the graph depends on; names as there."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    model_type: Literal["bert", "roberta", "xlm-roberta"]
    hidden_act: Literal["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"] = "gelu"
    position_embedding_type: Literal["absolute"] = "absolute"
    hidden_size: int = Field(gt=0)
    num_attention_heads: int = Field(gt=0)
    num_hidden_layers: int = Field(gt=0)
    layer_norm_eps: float = Field(1e-12, gt=0)
    max_position_embeddings: int = Field(512, gt=2)
    pad_token_id: int = Field(0, ge=0)

    @classmethod
    def read(cls, config: object) -> BertConfig | None:
        """Return the config; None for an architecture, or a variant of one, that this file cannot build."""
        try:
            return cls.model_validate(config)
        except ValidationError:
            return None

    @property
    def prefix(self) -> str:
        """What the names of the encoder's tensors start with in a checkpoint that has a head."""
        return "bert." if self.model_type == "bert" else "roberta."

    @property
    def first_position(self) -> int:
        """The position of the first token; RoBERTa counts from behind the padding id."""
        return 0 if self.model_type == "bert" else self.pad_token_id + 1

    @property
    def max_tokens(self) -> int:
        """How many tokens there are positions for."""
        return self.max_position_embeddings - self.first_position

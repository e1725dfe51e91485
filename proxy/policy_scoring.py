"""The policy's part about scoring: which models, how they work together, and what is kept of their scores."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from proxy.policy_base import Strict
from proxy.policy_cache import RuleCache

Strategy = Literal["fit", "race", "cascade"]


class Scoring(NamedTuple):
    """The models of a rule, how they work together, and what is kept of their scores."""

    models: tuple[str, ...]
    strategy: Strategy = "fit"
    cascade_top: int = 10
    cache: RuleCache = RuleCache()


class Scored(Strict):
    """What is ranked by scores: the keys that rules and the rerank API have in common."""

    rerank: tuple[str, ...] = Field(
        ("default",),
        min_length=1,
        description="Models to rerank with, best first.",
    )
    strategy: Strategy = Field(
        "fit",
        description="fit: the best model that reaches at_least rows in time, the next where it fails; race: "
        "the last one beside the others, in case they are late; cascade: the last one orders all rows, "
        "the others the top of that.",
    )
    cascade_top: int = Field(10, ge=2, le=1000, description="Rows that a cascade's better models read.")
    cache: RuleCache = Field(RuleCache(), description="What is kept of its searches, and used again.")

    @model_validator(mode="after")
    def _enough_models(self) -> Scored:
        if self.strategy != "fit" and len(self.rerank) < 2:
            raise ValueError(f"a {self.strategy} takes two models or more in rerank, not {len(self.rerank)}")
        return self

    @property
    def scoring(self) -> Scoring:
        """What decides how its searches are scored; those with equal ones share a ranker."""
        return Scoring(self.rerank, self.strategy, self.cascade_top, self.cache)

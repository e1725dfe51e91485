"""The policy's part about breakers: when a model that fails is left alone, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from proxy.policy_base import Strict


def _switch(value: object) -> object:
    # `off` and `on`, which YAML 1.1 reads as booleans, are what people write first.
    return {"enabled": value} if isinstance(value, bool) else value


class BreakerSettings(Strict):
    """When a model is left alone for a while: searches go to the next one of their rule at once."""

    enabled: bool = Field(True, description="off: ask a model again and again, whatever it does.")
    failure_rate: float = Field(
        0.5, gt=0, le=1, description="Share of failed calls at which it is left alone."
    )
    slow_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share of slow calls, in vain or above slow_ms, at which it is left alone. None: 0.8 "
        "for a model behind a network, or with slow_ms; else no share: a local model is late for its load.",
    )
    slow_ms: float | None = Field(
        None,
        gt=0,
        le=60000,
        description="Milliseconds above which a call is slow even if it had scores; none: only one that was "
        "expected to have scores and had none in time.",
    )
    window_s: float = Field(
        30, gt=0, le=3600, description="Seconds whose calls are judged, the last 256 at most."
    )
    min_calls: int = Field(5, ge=1, le=256, description="Calls below which nothing is judged.")
    open_s: float = Field(
        2,
        gt=0,
        le=3600,
        description="Seconds of the first pause before it is tried again; later ones double.",
    )
    max_open_s: float = Field(60, gt=0, le=86400, description="Longest pause between two tries.")

    @model_validator(mode="after")
    def _ordered(self) -> BreakerSettings:
        if self.open_s > self.max_open_s:
            raise ValueError(
                f"open_s is {self.open_s:g}, should not be above max_open_s, {self.max_open_s:g}"
            )
        return self


Breaker = Annotated[BreakerSettings, BeforeValidator(_switch)]


class ModelSettings(Strict):
    """What all kinds of models have in common."""

    breaker: Breaker | None = Field(None, description="Its own breaker; none: as under `breaker` at the top.")

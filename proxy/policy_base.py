"""What all parts of a policy have in common: unknown keys are errors, and nothing changes once it is read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

"""The policy's part about a rerank API of midrank's own: where it listens, and what its callers may ask."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from proxy.policy_base import Address, CallersKey
from proxy.policy_scoring import Scored


class RerankApi(Scored):
    """A rerank API for applications that fetch and fuse candidates themselves."""

    listen: Address = Field(description="HOST:PORT to listen on; a client's base URL.")
    api_key: CallersKey | None = Field(
        None,
        description="What callers send as `Authorization: Bearer KEY`; take it from the environment. None: "
        "everyone who reaches the address is let in.",
    )
    budget_ms: float = Field(
        1000, gt=0, le=60000, description="Milliseconds until the answer; callers may ask for fewer."
    )
    at_least: int = Field(
        5, ge=1, le=1000, description="Documents below which a model is not begun: the next one is tried."
    )
    max_documents: int = Field(1000, ge=1, le=10_000, description="Most documents of one request.")
    on_trouble: Literal["input_order", "error"] = Field(
        "input_order",
        description="Without scores in time, input_order: answer 200 with the documents as they were sent, "
        "scores of 0 and the reason in `x-midrank-reason`; error: answer 503.",
    )

"""The policy's part about what clients may have at once."""

from __future__ import annotations

from pydantic import Field

from proxy.policy_base import Strict


class Limits(Strict):
    """What clients may have at once, at every listener."""

    connections: int = Field(
        1024, ge=1, le=65536, description="Connections; one more is answered 503 and closed."
    )
    searches: int = Field(
        512,
        ge=1,
        le=65536,
        description="Searches that are read and held in memory; one more passes to the store unread, with "
        "the reason `overloaded`.",
    )

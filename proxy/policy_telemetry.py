"""The policy's part about what spans hold; exporters are set up by the standard `OTEL_*` variables."""

from __future__ import annotations

from pydantic import Field

from proxy.policy_base import Strict


class TelemetrySettings(Strict):
    """What spans may hold."""

    text: bool = Field(
        False,
        description="Have spans hold the texts of queries and of the first documents. Whoever reads traces "
        "then reads what users ask.",
    )

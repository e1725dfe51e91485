"""The policy's part about the admin port: where it listens, and who sees more than the probes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from proxy.policy_base import Address, CallersKey, Strict


class AdminSettings(Strict):
    """Where operators, probes and Prometheus ask."""

    listen: Address = Field(
        "127.0.0.1:9901",
        description="HOST:PORT to listen on; in a pod 0.0.0.0, since probes come from outside.",
    )
    api_key: CallersKey | None = Field(
        None,
        description="What operators send as `Authorization: Bearer KEY`, also for `/metrics`; take it from "
        "the environment. None: `/metrics` for everyone who reaches the port, the rest on this machine only.",
    )


def _from_address(value: object) -> object:
    """Take a bare HOST:PORT for where it listens."""
    return {"listen": value} if isinstance(value, str) else value


Admin = Annotated[
    AdminSettings, BeforeValidator(_from_address, json_schema_input_type=Address | AdminSettings)
]

"""What `midrank` can be told to do: a module for every subcommand, each with `add_arguments` and `run`."""

from __future__ import annotations

from typing import Any

from proxy.cli import (
    cache,
    check,
    demo,
    eval,  # noqa: A004
    evidence,
    prepare,
    record,
    replay,
    report,
    rerank,
    run,
    schema,
    status,
    tune,
)

COMMANDS: dict[str, Any] = {
    "run": run,
    "check": check,
    "prepare": prepare,
    "rerank": rerank,
    "status": status,
    "cache": cache,
    "evidence": evidence,
    "demo": demo,
    "eval": eval,
    "tune": tune,
    "record": record,
    "replay": replay,
    "report": report,
    "schema": schema,
}

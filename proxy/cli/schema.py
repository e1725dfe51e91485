"""midrank schema: print the JSON schema of policies, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from proxy.policy import Policy

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line: there is nothing to say."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command has the same shape
    """Print the schema."""
    print(policy_schema(), end="")
    return 0


def policy_schema() -> str:
    """Return the schema as JSON text that changes only when the policy does."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"

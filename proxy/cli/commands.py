"""What `midrank` can be told to do: a module for every subcommand, each with `add_arguments` and `run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

# In the order in which they are listed. Each is the name of a module beside this one.
NAMES = (
    "run",
    "check",
    "prepare",
    "health",
    "status",
    "doctor",
    "cache",
    "evidence",
    "rerank",
    "demo",
    "eval",
    "tune",
    "record",
    "replay",
    "report",
    "inject",
    "webhook",
    "schema",
)


class Commands(Mapping[str, Any]):
    """The modules by name, imported when they are asked for: all together take seconds, a probe has one."""

    def __getitem__(self, name: str) -> Any:
        """Import the module of a command."""
        if name not in NAMES:
            raise KeyError(name)
        return import_module(f"proxy.cli.{name}")

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(NAMES)

    def __len__(self) -> int:
        """Count them."""
        return len(NAMES)


COMMANDS = Commands()

"""What a check finds: what was looked at, how it is, and what to do about it if it isn't well."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Health(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(NamedTuple):
    """One line of a diagnosis. `to_do` is empty where there is nothing to do."""

    health: Health
    what: str
    told: str
    to_do: str = ""


def ok(what: str, told: str) -> Finding:
    """Return that something is well."""
    return Finding(Health.OK, what, told)


def warning(what: str, told: str, to_do: str) -> Finding:
    """Return that something works, and had better be looked at."""
    return Finding(Health.WARNING, what, told, to_do)


def failed(what: str, told: str, to_do: str) -> Finding:
    """Return that something does not work."""
    return Finding(Health.FAILED, what, told, to_do)

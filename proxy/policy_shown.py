"""A policy for people: everything that is in use, defaults too, and nothing that is secret.

What the policy calls a secret shows as `MASK`. So does what may hold one without being called so: the user
and the password of a URL, the name of a key's file (who puts the key itself there by mistake is not to read
it here), and patterns of what is to be redacted, which may spell it out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.policy import Policy

# As pydantic shows secrets.
MASK = "**********"

_HIDDEN = frozenset(("api_key_file", "redact"))
# Greedy: a password may hold an @ itself.
_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)
_OPTIONS = re.compile(r"([?#]).+", re.DOTALL)


def shown(policy: Policy) -> dict[str, Any]:
    """Return a policy as JSON and YAML can hold it."""
    return _masked(policy.model_dump(mode="json"))


def _masked(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _hidden(value) if key in _HIDDEN else _open(value) for key, value in values.items()}


def _hidden(value: Any) -> Any:
    return [MASK for _ in value] if isinstance(value, list) else MASK if value is not None else None


def _open(value: Any) -> Any:
    if isinstance(value, dict):
        return _masked(value)
    if isinstance(value, list):
        return [_open(one) for one in value]
    if isinstance(value, str) and "://" in value:
        return _OPTIONS.sub(rf"\1{MASK}", _CREDENTIALS.sub(f"//{MASK}@", value))
    return value

"""The numbers of Kubernetes' resources, such as `500m` or `1Gi`."""

from __future__ import annotations

import re
from decimal import Decimal

# apimachinery's grammar: a number, then a decimal or binary suffix, or an exponent.
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?")
_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY_POWERS = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
# No number in a manifest is longer.
_MAX_LENGTH = 64


def amount(quantity: object) -> Decimal | None:
    """Return the number that a quantity stands for, in cores or bytes; None if it is none."""
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        return None
    written = str(quantity)
    found = _QUANTITY.fullmatch(written) if len(written) <= _MAX_LENGTH else None
    if found is None:
        return None
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _POWERS:
        return number * Decimal(1000) ** _POWERS[suffix]
    if suffix in _BINARY_POWERS:
        return number * Decimal(1024) ** _BINARY_POWERS[suffix]
    return number * Decimal(f"1{suffix}")

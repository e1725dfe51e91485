"""Numbers read from JSON that may be anything: what isn't as it should be is a ValueError that names it."""

from __future__ import annotations

# The largest count that a float holds exactly.
_MOST = 2**53


def count(state: object, key: str) -> int:
    """Return a whole number from 0 on."""
    value = _entry(state, key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise ValueError(f"{key} should be a whole number from 0 on")
    return value


def number(state: object, key: str, *, least: float, most: float) -> float:
    """Return a number within bounds."""
    return _number(_entry(state, key), key, least, most)


def numbers(state: object, key: str, length: int, *, least: float, most: float) -> list[float]:
    """Return a list of so many numbers, each within bounds."""
    values = _entry(state, key)
    if not isinstance(values, list) or len(values) != length:
        raise ValueError(f"{key} should be {length} numbers")
    return [_number(value, key, least, most) for value in values]


def _entry(state: object, key: str) -> object:
    if not isinstance(state, dict) or key not in state:
        raise ValueError(f"there should be an object with {key}")
    entry: object = state[key]
    return entry


def _number(value: object, key: str, least: float, most: float) -> float:
    slack = 1e-9 * max(1.0, abs(least), abs(most))  # sums are rounded
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and least - slack <= value <= most + slack
    ):
        return float(value)
    raise ValueError(f"{key} should be numbers from {least} to {most}")

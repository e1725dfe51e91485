"""The numbers that a search is near to, as a request has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.codecs.text import Json


def numbers(value: Json) -> Sequence[float] | None:
    """Return a list that begins like a vector; whether all of it is numbers is for its user to find out."""
    if isinstance(value, list) and value and type(value[0]) in {float, int}:
        return cast("Sequence[float]", value)
    return None

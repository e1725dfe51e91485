"""Commands that need more than the package brings by itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Import inside what an extra brings.

    Raises:
        BadConfig: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        fix = f'pip install "midrank[{extra}]"'
        raise BadConfig((Mistake("(command line)", command, f"no module {error.name}", fix),)) from error

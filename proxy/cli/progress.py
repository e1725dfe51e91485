"""How far a command is, for people: a bar on standard error; nothing where that is no terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bar:
    """A bar, and what moves it."""

    def __init__(self, progress: Progress, words: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(words, total=total)
        self._total = total or 0

    def advance(self, done: int = 1) -> None:
        """Say that so much more is done."""
        self._progress.advance(self._task, done)

    def skip(self, known: int) -> None:
        """Say that so much need not be done: it would make the rest seem to go faster."""
        self._total -= known
        self._progress.update(self._task, total=self._total)


@contextmanager
def bar(words: str, total: int | None) -> Iterator[Bar]:
    """Show how much of a total is done, and the time left, while the block runs."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, words, total)

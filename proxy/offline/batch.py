"""A run: queries in, rankings out in the same order, going on where an earlier run has ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from proxy.errors import BadConfig, Mistake
from proxy.offline.beside import beside, outcome_of, until_any
from proxy.offline.queries import BadLine
from proxy.offline.rankings import is_ranking_of, ranking_line
from proxy.offline.workplace import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from proxy.offline.queries import Query
    from proxy.scoring.ranker import Ranked

# What is said at once of an input with many mistakes.
MAX_MISTAKES = 20


class Output(Protocol):
    """Where rankings go."""

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that are there already."""
        ...

    def append(self, line: bytes) -> None:
        """Add one."""
        ...


@dataclass(slots=True)
class Progress:
    """How far a run is; `stopped` says why it ended early."""

    known: int = 0  # were there already
    ranked: int = 0
    skipped: int = 0
    unranked: int = 0  # written in the order of the input, as no model had scores for them
    stopped: Stopped | None = None


def count_queries(lines: Iterable[tuple[int, Query | BadLine]], *, file: str, skip_bad: bool) -> int:
    """Return how many lines are queries.

    Raises:
        BadConfig: some are not, and are not to be skipped; the first ones are named.
    """
    count = 0
    mistakes: list[Mistake] = []
    for number, line in lines:
        if not isinstance(line, BadLine):
            count += 1
        elif not skip_bad:
            mistakes.append(line.at(file, number))
            if len(mistakes) == MAX_MISTAKES:
                break
    if mistakes:
        raise BadConfig(tuple(mistakes))
    return count


def remaining(
    lines: Iterable[tuple[int, Query | BadLine]],
    output: Output,
    progress: Progress,
    *,
    files: tuple[str, str],
    skipped: Callable[[Mistake], None] | None,
) -> Iterator[Query]:
    """Yield the queries that have no ranking in the output yet; `files` are the names of input and output.

    Raises:
        BadConfig: the output is not a beginning of what comes of this input; or a line is no query, and
            nobody wants to be told of `skipped` ones.
    """
    source, target = files
    done = enumerate(output.lines(), 1)
    for number, line in lines:
        if isinstance(line, BadLine):
            if skipped is None:
                raise BadConfig((line.at(source, number),))
            skipped(line.at(source, number))
            progress.skipped += 1
            continue
        place, known = next(done, (0, None))
        if known is None:
            yield line
            continue
        if not is_ranking_of(known, line):
            allowed = f"the ranking of line {number} of {source}: is it of another input?"
            raise BadConfig((Mistake(target, "(line)", "something else", allowed, place),))
        progress.known += 1
    place, more = next(done, (0, None))
    if more is not None:
        allowed = f"nothing after the last query of {source}: is it of another input?"
        raise BadConfig((Mistake(target, "(line)", "one more ranking", allowed, place),))


def run(
    queries: Iterator[Query],
    rank: Callable[[Query], Future[Ranked]],
    output: Output,
    progress: Progress,
    *,
    ahead: int,
    told: Callable[[], None],
) -> None:
    """Rank queries, up to `ahead` of them at once, and write each as soon as all before it are.

    Queries are read in another thread, one by one, so nothing that is done waits for a slow stream. `told` is
    called after each of them. A reason to stop ends the run, and so does what reading raises: all queries
    before that are written.
    """
    pending: deque[tuple[Query, Future[Ranked]]] = deque()

    def write_first() -> None:
        query, future = pending.popleft()
        ranked = outcome_of(future)
        output.append(ranking_line(query, ranked))
        progress.ranked += 1
        progress.unranked += ranked.scores is None
        told()

    try:
        for query in _arriving(queries, pending, write_first):
            pending.append((query, rank(query)))
            if len(pending) >= ahead:
                write_first()
    except Stopped as stopped:
        progress.stopped = stopped
    finally:
        for _, future in pending:
            future.cancel()


def _arriving(
    queries: Iterator[Query], pending: deque[tuple[Query, Future[Ranked]]], write_first: Callable[[], None]
) -> Iterator[Query]:
    """Yield the queries; what is ranked before the next one is there is written, and all before the end is.

    What reading raises is raised after that.
    """

    def write_done() -> None:
        while pending and pending[0][1].done():
            write_first()

    while True:
        coming = beside(lambda: next(queries, None), "queries")
        write_done()
        while not coming.done():
            until_any(coming, *(future for _, future in islice(pending, 1)))
            write_done()
        ended = coming.exception() is not None or coming.result() is None
        while ended and pending:
            write_first()
        if (query := coming.result()) is None:
            return
        yield query

"""How long it takes to find the query that is nearest, and to remember another one.

    python -m tests.benchmarks.near_lookup --entries 1000 10000 100000 --json .bench/near_lookup.json

Unit vectors of 384 dimensions around topics, ten to a topic with a cosine of .64 to each other, all in one
scope; half of the lookups are near one of them (.97), half are not. One after the other, on the same vectors
and one thread: the index of near queries, a comparison with all of them, and usearch and hnswlib where they
are installed. These build slowly, and are left out above `--libraries-up-to` entries; with 100,000 it takes
ten minutes instead of one.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

import numpy as np

from proxy.scoring.near_queries import NearQueries
from tests.benchmarks import results
from tests.benchmarks.shared import KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

P = ParamSpec("P")
T = TypeVar("T")

DIMS = 384
THRESHOLD = 0.95
LOOKUPS = 2000
SCOPE = bytes(16)


class Contender(Protocol):
    """Something that finds near vectors, which it knows by number."""

    @property
    def nbytes(self) -> int | None:
        """The memory that it says it takes, if it says."""
        ...

    def add(self, number: int, vector: NDArray[np.float32]) -> None:
        """Take in a vector."""
        ...

    def nearest(self, vector: NDArray[np.float32]) -> int | None:
        """Return the nearest one, if it is near enough."""
        ...


class Ours:
    """The index of near queries."""

    def __init__(self, entries: int) -> None:
        """Leave room for so many, so that the first one beyond makes the oldest go."""
        self._queries = NearQueries(entries)

    @property
    def nbytes(self) -> int:
        """With the text of a question."""
        return int(self._queries.figures()["bytes"])

    def add(self, number: int, vector: NDArray[np.float32]) -> None:
        """Remember a question."""
        self._queries.add(SCOPE, vector, f"{number} is the number of this question?")

    def nearest(self, vector: NDArray[np.float32]) -> int | None:
        """Return the number in the nearest question."""
        found = self._queries.nearest(SCOPE, vector, THRESHOLD)
        return int(found[0].query.partition(" ")[0]) if found else None


class Everything:
    """One float32 array, of which all rows are compared; it has its full size from the start."""

    def __init__(self, entries: int) -> None:
        """Start with zeros, which are near to nothing."""
        self._vectors = np.zeros((entries, DIMS), np.float32)

    @property
    def nbytes(self) -> int:
        """The array's."""
        return self._vectors.nbytes

    def add(self, number: int, vector: NDArray[np.float32]) -> None:
        """Put a vector into its row, or into an older one's."""
        self._vectors[number % len(self._vectors)] = vector

    def nearest(self, vector: NDArray[np.float32]) -> int | None:
        """Compare."""
        cosines = np.vecdot(self._vectors, vector)
        best = int(cosines.argmax())
        return best if cosines[best] >= THRESHOLD else None


class Usearch:
    """HNSW in float16, as the library sets it up."""

    def __init__(self, entries: int) -> None:
        """Load the library."""
        self._index = import_module("usearch.index").Index(ndim=DIMS, metric="cos", dtype="f16")
        self._entries = entries

    @property
    def nbytes(self) -> int:
        """As it says."""
        return int(self._index.memory_usage)

    def add(self, number: int, vector: NDArray[np.float32]) -> None:
        """Take in a vector; beyond the bound the oldest goes."""
        if number >= self._entries:
            self._index.remove(number - self._entries, threads=1)
        self._index.add(number, vector, threads=1)

    def nearest(self, vector: NDArray[np.float32]) -> int | None:
        """Search for four, as the index of near queries does."""
        found = self._index.search(vector, 4, threads=1)
        return int(found.keys[0]) if 1.0 - found.distances[0] >= THRESHOLD else None


class Hnswlib:
    """HNSW in float32, M = 16, ef = 100 when built and 32 in a search."""

    nbytes = None

    def __init__(self, entries: int) -> None:
        """Load the library."""
        self._index = import_module("hnswlib").Index(space="ip", dim=DIMS)
        self._index.init_index(max_elements=entries, ef_construction=100, M=16, allow_replace_deleted=True)
        self._index.set_num_threads(1)
        self._index.set_ef(32)
        self._entries = entries

    def add(self, number: int, vector: NDArray[np.float32]) -> None:
        """Take in a vector; beyond the bound the oldest goes."""
        full = number >= self._entries
        if full:
            self._index.mark_deleted(number - self._entries)
        self._index.add_items(vector[np.newaxis], [number], replace_deleted=full)

    def nearest(self, vector: NDArray[np.float32]) -> int | None:
        """Search for four, as the index of near queries does."""
        numbers, distances = self._index.knn_query(vector, 4)
        return int(numbers[0][0]) if 1.0 - distances[0][0] >= THRESHOLD else None


LIBRARIES: dict[str, Callable[[int], Contender]] = {"usearch": Usearch, "hnswlib": Hnswlib}


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p99: float
    worst: float


@dataclass(frozen=True, slots=True)
class Row:
    """A contender with so many entries.

    `recall` is the share of lookups with the answer that comparing everything gives. `replacing` is an insert
    that makes another entry go.
    """

    name: str
    entries: int
    lookup: Spread
    insert: Spread
    replacing: Spread
    recall: float
    bytes_per_entry: float | None


def main() -> int:
    """Run, print the table, write the figures."""
    options = _options()
    rows = []
    for entries in options.entries:
        vectors, asked, expected = stream(entries)
        makers: dict[str, Callable[[int], Contender]] = {"near queries": Ours, "everything": Everything}
        if entries <= options.libraries_up_to:
            makers |= {name: make for name, make in LIBRARIES.items() if find_spec(name)}
        for name, make in makers.items():
            print(f"{name}, {entries}", file=sys.stderr, flush=True)
            rows.append(measure(name, make(entries), vectors, asked, expected))
    print_table(rows)
    results.write(options.json, {"unit": "milliseconds", "dims": DIMS, "rows": rows})
    return 0


def stream(
    entries: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[int | None]]:
    """Return vectors, others that are asked for, and what the nearest to each of those is."""
    random = np.random.default_rng(entries)

    def noise(count: int) -> NDArray[np.float32]:
        return unit(random.standard_normal((count, DIMS), dtype=np.float32))

    topics = noise(max(1, entries // 10))
    vectors = unit(topics[random.integers(0, len(topics), entries)] + 0.75 * noise(entries))
    near = unit(vectors[random.integers(0, entries, LOOKUPS // 2)] + 0.25 * noise(LOOKUPS // 2))
    far = unit(topics[random.integers(0, len(topics), LOOKUPS // 2)] + 0.75 * noise(LOOKUPS // 2))
    asked = random.permutation(np.concatenate([near, far]))
    expected: list[int | None] = []
    for vector in asked:
        cosines = np.vecdot(vectors, vector)
        best = int(cosines.argmax())
        expected.append(best if cosines[best] >= THRESHOLD else None)
    return vectors, asked, expected


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows with a length of 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def measure(
    name: str,
    contender: Contender,
    vectors: NDArray[np.float32],
    asked: NDArray[np.float32],
    expected: Sequence[int | None],
) -> Row:
    """Fill a contender, ask it, and go on filling it."""
    inserts = [timed(contender.add, number, vector)[1] for number, vector in enumerate(vectors)]
    nbytes = contender.nbytes
    found, lookups = zip(*(timed(contender.nearest, vector) for vector in asked), strict=True)
    # The same vectors again under other numbers: as many as before, each in place of the oldest.
    replacing = [
        timed(contender.add, number, vector)[1]
        for number, vector in enumerate(vectors[:LOOKUPS], start=len(vectors))
    ]
    right = sum(one == other for one, other in zip(found, expected, strict=True))
    return Row(
        name,
        len(vectors),
        spread(lookups),
        spread(inserts[-LOOKUPS:]),
        spread(replacing),
        right / len(asked),
        None if nbytes is None else nbytes / len(vectors),
    )


def timed(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
    """Return what a call gives, and the milliseconds that it takes."""
    before = perf_counter()
    given = call(*args, **kwargs)
    return given, 1000 * (perf_counter() - before)


def spread(times: Sequence[float]) -> Spread:
    """Return the quantiles."""
    p50, p99 = np.quantile(times, (0.5, 0.99))
    return Spread(float(p50), float(p99), max(times))


def print_table(rows: Sequence[Row]) -> None:
    """Print a line for each."""
    heads = f"{'ms':<14}{'entries':>8}{'lookup p50':>12}{'p99':>8}{'insert p50':>12}{'p99':>8}"
    print(f"\n{heads}{'replacing p50':>15}{'p99':>8}{'recall@1':>10}{'bytes':>8}")
    for row in rows:
        times = (row.lookup, row.insert, row.replacing)
        cells = "".join(
            f"{one.p50:>{width}.3f}{one.p99:>8.3f}" for one, width in zip(times, (12, 12, 15), strict=True)
        )
        size = "" if row.bytes_per_entry is None else f"{row.bytes_per_entry:.0f}"
        print(f"{row.name:<14}{row.entries:>8}{cells}{row.recall:>10.4f}{size:>8}")
    print("aim: lookup <= 1 ms at 10,000 entries and <= 3 ms at 100,000")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how long near queries take to find")
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--libraries-up-to", type=int, default=10_000, help="entries")
    parser.add_argument("--json", type=Path, default=KEPT / "near_lookup.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

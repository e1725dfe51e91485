"""The codec seam: what a store protocol must answer. Pure: bytes in, bytes out, no I/O, no clock.

An exchange calls the four verbs in this order. Each either returns or raises `Undecodable`, nothing else,
whatever bytes it is given::

    codec.decode_request(request) -> Call          what is asked: searches with the app's own limit and offset
    call.encode_request(windows)  -> WireRequest   the same request, asking for more rows and for their text
    call.decode_response(answer)  -> Reply         the candidates of every search
    reply.encode_response(ranks)  -> WireResponse  the same answer: chosen rows, nothing borrowed left

Beside that, `codec.decode_write(request)` reads the texts out of documents on their way into the store.

All reading happens in the decoders, so that what was decoded encodes without an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from proxy.codecs.text import TextFields

if TYPE_CHECKING:
    from proxy.model import Candidate, Ranking, Search, WireRequest, WireResponse

# Rows to fetch for one search, counted from the store's first row; None leaves that search as it was sent.
Window = int | None

# The text fields of a collection, by the name or id that stands in the request.
FieldsOf = Callable[[str], TextFields]


class Reply(Protocol):
    """A store's answer to a widened call."""

    @property
    def candidates(self) -> tuple[tuple[Candidate, ...], ...]:
        """The rows of every search, in store order, as many as the store sent."""
        ...

    def encode_response(self, rankings: Sequence[Ranking]) -> WireResponse:
        """Return the answer that holds just the rows of `rankings`, one ranking per search."""
        ...


class Call(Protocol):
    """One intercepted request."""

    @property
    def collection(self) -> str:
        """The collection's id or name, as the request has it."""
        ...

    @property
    def database(self) -> str:
        """The tenant and database of the collection, as the request has them; empty without such."""
        ...

    @property
    def searches(self) -> tuple[Search, ...]:
        """The searches inside, at least one."""
        ...

    @property
    def timeout(self) -> float | None:
        """The seconds that the request itself gives the store, never negative; None where it says nothing."""
        ...

    def encode_request(self, windows: Sequence[Window]) -> WireRequest:
        """Return the request that asks for `windows[i]` rows of search i, from the first row on."""
        ...

    def decode_response(self, response: WireResponse) -> Reply:
        """Read the store's answer (status 200) to the request last encoded.

        Raises:
            Undecodable: the answer holds anything that is not certainly understood.
        """
        ...

    def row_limit(self, response: WireResponse) -> int | None:
        """Read the largest row count the store allows out of its refusal, where it says so."""
        ...


class NameBook(Protocol):
    """How a store that puts ids into its paths tells the names that policies use."""

    def teaches(self, method: str, target: str) -> bool:
        """Say whether the answer to this passing request tells names of collections."""
        ...

    def decode_names(self, body: bytes) -> Mapping[str, str]:
        """Read collection id -> name out of such an answer; empty when there is nothing to learn."""
        ...

    def names_request(self, request: WireRequest) -> WireRequest:
        """Return the request that asks for the names, with the credentials of this search."""
        ...


class Codec(Protocol):
    """One store protocol."""

    @property
    def system(self) -> str:
        """The store's name in `db.system.name`, lower case."""
        ...

    def claims(self, method: str, target: str) -> bool:
        """Say, by method and raw path alone, whether this may be a search. Cheap: runs on every request."""
        ...

    def decode_request(self, request: WireRequest) -> Call:
        """Read a claimed request.

        Raises:
            Undecodable: it holds anything that is not certainly understood.
        """
        ...

    def writes(self, method: str, target: str) -> str | None:
        """Return the collection, id or name, that documents are written into; None if none are.

        By method and raw path alone. Cheap: runs on every request.
        """
        ...

    def decode_write(self, request: WireRequest) -> Iterator[str | None]:
        """Yield the texts of the documents in such a request, just as searches will find them.

        They are read while they are asked for, so that a large request can be read bit by bit: one step takes
        some milliseconds at most. One that comes upon no text yields None.

        Raises:
            Undecodable: the rest is not certainly understood.
        """
        ...

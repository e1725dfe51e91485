"""Collection names for stores whose paths hold ids: learnt from passing answers, asked for once otherwise.

Policies speak of names. Every client resolves a collection's name through the store before it searches,
so a passing answer usually teaches the pair; a client that kept an id from elsewhere costs one question.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from proxy.errors import Oversized, Unanswerable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxy.codecs.base import NameBook
    from proxy.model import WireRequest, WireResponse

# More collections than any store here is known to hold in one process; 10,000 pairs are about 2 MB.
MAX_NAMES = 10_000
# An id that the store did not list is not asked for again before this many seconds.
ASK_AGAIN = 60.0
# A question may delay the search that raised it by this many seconds at most.
ASK_TIMEOUT = 1.0

_log = logging.getLogger(__name__)


class CollectionNames:
    """The names known so far; without a `book`, ids are the names."""

    def __init__(
        self, book: NameBook | None, fetch: Callable[[WireRequest], Awaitable[WireResponse]]
    ) -> None:
        self._book = book
        self._fetch = fetch
        self._names: OrderedDict[str, str] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()

    def name(self, collection: str) -> str:
        """Return the collection's name, or the id itself while the name is unknown."""
        return self._names.get(collection, collection)

    def teaches(self, method: str, target: str) -> bool:
        """Say whether the answer to this passing request is worth showing to `learn`."""
        return self._book is not None and self._book.teaches(method, target)

    def learn(self, body: bytes) -> None:
        """Take names out of a passing answer."""
        if self._book is not None:
            self._remember(self._book.decode_names(body))

    def missing(self, collection: str) -> bool:
        """Say whether the name is unknown and the store has not been asked lately."""
        if self._book is None or collection in self._names:
            return False
        asked = self._asked.get(collection)
        return asked is None or asyncio.get_running_loop().time() - asked > ASK_AGAIN

    async def ask(self, request: WireRequest, collection: str) -> None:
        """Ask the store, with the credentials of this very request; silence is not an error."""
        if self._book is None:
            return
        self._asked[collection] = asyncio.get_running_loop().time()
        _bound(self._asked)
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                answer = await self._fetch(self._book.names_request(request))
        except (TimeoutError, Unanswerable, Oversized):
            _log.info("collection name unknown", extra={"collection": collection})
            return
        if answer.status == 200:
            self._remember(self._book.decode_names(answer.body))

    def _remember(self, names: Mapping[str, str]) -> None:
        self._names.update(names)
        for collection in names:
            self._names.move_to_end(collection)
        _bound(self._names)


def _bound(entries: OrderedDict[str, Any]) -> None:
    while len(entries) > MAX_NAMES:
        entries.popitem(last=False)

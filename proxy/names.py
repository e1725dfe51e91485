"""Collection names for stores whose paths hold ids: learnt from passing answers, asked for once otherwise.

Policies speak of names. Every client resolves a collection's name through the store before it searches,
so a passing answer usually teaches the pair; a client that kept an id from elsewhere costs one question.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from proxy.errors import Oversized, Unanswerable, Undecodable
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from proxy.codecs.base import NameBook
    from proxy.model import WireRequest, WireResponse

# More collections than any store here is known to hold in one process; 10,000 pairs are about 2 MB.
MAX_NAMES = 10_000
# An id that the store did not list is not asked for again before this many seconds.
ASK_AGAIN = 60.0
# A question may delay a search by this many seconds at most; the budget counts them.
ASK_TIMEOUT = 0.1

_log = logging.getLogger(__name__)


class CollectionNames:
    """The names known so far; without a `book`, ids are the names.

    They are `needed` where rules tell collections apart, and `wanted` where something is told by collection:
    else nothing is ever asked.
    """

    def __init__(
        self,
        book: NameBook | None,
        fetch: Callable[[WireRequest], Awaitable[WireResponse]],
        *,
        needed: bool = True,
        wanted: bool = False,
    ) -> None:
        self._book = book
        self._needed = needed
        self._wanted = needed or wanted
        self._tasks = Tasks()
        self._questions: dict[str, asyncio.Task[None]] = {}
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

    def wants(self, collection: str) -> bool:
        """Say whether `find` is worth calling."""
        return self._book is not None and self._wanted and collection not in self._names

    def knows(self, collection: str) -> bool:
        """Say whether the name is known, or not needed."""
        return self._book is None or not self._needed or collection in self._names

    async def find(self, request: WireRequest, collection: str) -> None:
        """Ask the store, with the credentials of this very request; silence is not an error.

        Searches that want the same name at once share one question, which outlives the one that raised it.
        """
        asked = self._asked.get(collection)
        if asked is not None and asyncio.get_running_loop().time() - asked < ASK_AGAIN:
            return
        question = self._questions.get(collection)
        if question is None:
            question = self._tasks.spawn(self._ask(request, collection), "collection names")
            self._questions[collection] = question
        await asyncio.wait({question}, timeout=ASK_TIMEOUT)

    async def close(self) -> None:
        """Drop the questions that are open."""
        await self._tasks.close()

    async def _ask(self, request: WireRequest, collection: str) -> None:
        if self._book is None:
            return
        try:
            answer = await self._fetch(self._book.names_request(request))
            if answer.status == 200:
                self._remember(self._book.decode_names(answer.body))
        except (Unanswerable, Oversized, Undecodable):
            _log.info("collection names not told", extra={"collection": collection})
        finally:
            self._asked[collection] = asyncio.get_running_loop().time()
            _bound(self._asked)
            del self._questions[collection]

    def _remember(self, names: Mapping[str, str]) -> None:
        self._names.update(names)
        for collection in names:
            self._names.move_to_end(collection)
        _bound(self._names)


def _bound(entries: OrderedDict[str, Any]) -> None:
    while len(entries) > MAX_NAMES:
        entries.popitem(last=False)

"""Texts that records do not hold, looked up by the ids of documents, or by digests with their secret."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.records.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxy.records.recorded import RecordedCandidate, RecordedSearch


class Texts:
    """Documents by id, and the words of queries."""

    def __init__(self, documents: Mapping[str, str], queries: Iterable[str], secret: bytes | None) -> None:
        """Take what is known; without the `secret` that records were digested with, ids alone tell."""
        self._by_id = documents
        self._by_digest: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._queries: dict[str, str] = {}
        if secret:
            digests = Transcript(secret, None)
            self._ids = {digests.of_id(name): name for name in documents}
            self._by_digest = {digests.of_text(text): text for text in documents.values()}
            self._queries = {digests.of_query(query): query for query in queries}

    def filled(self, search: RecordedSearch) -> RecordedSearch:
        """Return a search with the words and names that it lacks and that are known."""
        query = search.query if search.query is not None else self._queries.get(search.query_digest)
        return replace(search, query=query, candidates=tuple(map(self._filled, search.candidates)))

    def _filled(self, candidate: RecordedCandidate) -> RecordedCandidate:
        name, text = self._ids.get(candidate.id, candidate.id), candidate.text
        if text is None and candidate.digest is not None:
            # What has the id may have been changed since; what has the digest was not.
            text = self._by_digest.get(candidate.digest) if self._by_digest else self._by_id.get(name)
        return replace(candidate, id=name, text=text)

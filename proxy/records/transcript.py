"""What midrank saw of a search, made into a record: digests, and redacted texts where they are kept."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from proxy.records.recorded import RecordedCandidate, RecordedSearch, RecordedText

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from proxy.model import Candidate
    from proxy.observation import Observation
    from proxy.records.redaction import Redaction

# 96 bits: no two texts share one by chance before there are some trillions of them.
_DIGEST_SIZE = 12
# Digests of one kind say nothing about those of another: a query is not found to be a document.
_QUERY, _TEXT, _ID = b"query", b"text", b"id"
ID_DIGEST = "digest:"


class Transcript:
    """Makes records. What it costs is spent where it is called: not on the event loop."""

    def __init__(self, secret: bytes, redaction: Redaction | None, share: float = 1.0) -> None:
        """Take the key of all digests, without which texts can't be guessed, and what texts are kept through.

        Without a redaction neither texts nor ids are kept.

        Raises:
            ValueError: the secret is empty.
        """
        if not secret:
            raise ValueError("a digest without a secret can be guessed")
        self._key = blake2b(secret, digest_size=32, person=b"midrank records").digest()
        self._redaction = redaction
        self._share = share

    def search(self, at: datetime, seen: Observation) -> RecordedSearch:
        """Return the record of a search. Texts of candidates are left out, see `texts`."""
        ranked, verdict = seen.ranked, seen.ranked.verdict
        start, stop, _ = seen.page.indices(len(seen.order))
        return RecordedSearch(
            at=at,
            exchange=seen.exchange,
            store=seen.store,
            collection=seen.collection,
            shown=seen.shown,
            query=self._redaction(seen.query) if self._redaction is not None else None,
            query_digest=self.of_query(seen.query),
            page_start=start,
            page_stop=max(start, stop),
            candidates=tuple(map(self._candidate, seen.candidates)),
            order=seen.order,
            ranked=ranked.order,
            scores=ranked.scores,
            scorer=ranked.scorer,
            outcome=verdict.outcome,
            reason=verdict.reason,
            scored=verdict.scored,
            added_ms=_milliseconds(seen.added),
            store_ms=_milliseconds(seen.store_seconds),
            teams=seen.teams,
            share=self._share,
        )

    def texts(self, record: RecordedSearch, seen: Observation, known: set[str]) -> Iterator[RecordedText]:
        """Yield the texts of its candidates that are kept and not `known` yet; they are known then."""
        if self._redaction is None:
            return
        for candidate, told in zip(record.candidates, seen.candidates, strict=True):
            if candidate.digest is not None and told.text is not None and candidate.digest not in known:
                known.add(candidate.digest)
                yield RecordedText(candidate.digest, self._redaction(told.text))

    def of_query(self, text: str) -> str:
        """Return the digest of a query's text."""
        return self._digest(_QUERY, text)

    def of_text(self, text: str) -> str:
        """Return the digest of a document's text."""
        return self._digest(_TEXT, text)

    def of_id(self, name: str) -> str:
        """Return what stands for the id of a document where that is not kept."""
        return ID_DIGEST + self._digest(_ID, name)

    def _candidate(self, told: Candidate) -> RecordedCandidate:
        name = told.id
        if self._redaction is None or self._redaction.concerns(name):
            name = self.of_id(name)
        digest = self.of_text(told.text) if told.text is not None else None
        return RecordedCandidate(name, None, digest, told.score)

    def _digest(self, kind: bytes, text: str) -> str:
        data = text.encode(errors="surrogatepass")
        return blake2b(data, digest_size=_DIGEST_SIZE, key=self._key, person=kind).hexdigest()


def with_texts(record: RecordedSearch, texts: dict[str, str]) -> RecordedSearch:
    """Return a record with the texts of its candidates, by their digests, where there are any."""
    if not texts:
        return record
    candidates = tuple(
        replace(one, text=texts[one.digest]) if one.text is None and one.digest in texts else one
        for one in record.candidates
    )
    return replace(record, candidates=candidates)


def _milliseconds(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)

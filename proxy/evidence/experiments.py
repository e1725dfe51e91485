"""Who takes part in an experiment, and on which side: keyed hashes, so that nothing has to be remembered.

Equal secrets decide alike, in every process, and whoever lacks the secret can't choose a side. What is hashed
is not kept.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Literal, NamedTuple

from proxy.scoring.score_keys import normalised
from proxy.stats.team_draft import Draft, team_draft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.policy import Rule

# Seconds after which a query's coins are thrown anew. With the same coins for ever, a query that is asked all
# day would prove over and over what is one accident: which row its coins had put first. Within that time its
# pages fit each other, and it counts as evidence once, see `Feedback`. When that is differs from query to
# query: at the full hour all pages that are being turned would change at once.
COINS_LAST = 3600
# Rows that may have changed their places. Nobody reads that far, and drawing takes microseconds a row.
MAX_DRAWN = 200

_SCALE = 1 << 64


class Arm(NamedTuple):
    """The side of a caller: `control` gets the store's own answer.

    `caller` is a digest of who that is, and `share` the share of callers who should be in `treatment`.
    """

    name: Literal["control", "treatment"]
    caller: int
    share: float


class Experiments:
    """Draws lots for rules that experiment."""

    def __init__(self, secret: bytes, now: Callable[[], float]) -> None:
        """Take what keys the hashes, the same for all replicas, and the time in seconds since 1970."""
        self._key = hashlib.sha256(secret).digest()
        self._now = now

    def arm(self, rule: Rule, headers: Mapping[str, str]) -> Arm | None:
        """Return the side of who sends these headers; None without an `ab`, or without the header it goes by.

        Callers keep their side for as long as the secret stays the same, and some of control change it when
        the share of those who are reranked grows. Rules draw independently of each other. `headers` are
        looked up in lower case.
        """
        experiment = rule.experiment
        if experiment is None or experiment.kind != "ab" or experiment.header is None:
            return None
        value = headers.get(experiment.header.lower(), "").strip()
        if not value:
            return None
        lot, caller = self._lots(b"ab", rule.match.store, rule.match.collection, value)
        treated = lot < experiment.share * _SCALE
        return Arm("treatment" if treated else "control", caller, experiment.share)

    def draw(self, rule: Rule, store: str, collection: str, query: str, order: Sequence[int]) -> Draft | None:
        """Return what is shown instead of `order`: rows of the store's order and of this one, drawn in turn.

        None where the query does not take part, both orders are the same, or one of more than the first 200
        rows has changed its place. `order` holds all candidates, so that pages of the draft fit each other;
        more candidates behind the same ones change nothing of what comes first.
        """
        experiment = rule.experiment
        if experiment is None or experiment.kind != "interleave":
            return None
        # Behind the last row that has moved both orders are the same, and whose turn it is means nothing.
        moved = next((place + 1 for place in reversed(range(len(order))) if order[place] != place), 0)
        if not 0 < moved <= MAX_DRAWN:
            return None
        words = normalised(query)
        offset, _ = self._lots(b"renewal", store, collection, words)
        epoch = str(int((self._now() + offset % COINS_LAST) // COINS_LAST))
        lot, seed = self._lots(b"draft", store, collection, words, epoch)
        if lot >= experiment.share * _SCALE:
            return None
        coins = random.Random(seed)  # noqa: S311 - the seed is what is secret
        drawn, teams = team_draft(range(moved), order[:moved], coins)
        return Draft((*drawn, *range(moved, len(order))), teams + (0,) * (len(order) - moved))

    def _lots(self, purpose: bytes, *parts: str) -> tuple[int, int]:
        """Return two independent numbers of 64 bits."""
        digest = hashlib.blake2b(digest_size=16, key=self._key, person=purpose)
        for part in parts:
            # Header bytes that are not UTF-8 arrive as lone surrogates.
            raw = part.encode("utf-8", "surrogatepass")
            # Their lengths keep parts apart that could otherwise be cut in two ways.
            digest.update(len(raw).to_bytes(8, "big"))
            digest.update(raw)
        lots = digest.digest()
        return int.from_bytes(lots[:8], "big"), int.from_bytes(lots[8:], "big")

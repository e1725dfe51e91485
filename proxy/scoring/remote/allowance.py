"""How much may be asked twice: a share of all calls, so that an API in trouble is not given more of it."""

from __future__ import annotations

# What there is at first: enough until an endpoint that fails is ejected, see `endpoints.py`.
FIRST = 3.0
# What may be saved up: good times do not end in a storm.
_MOST = 10.0


class Allowance:
    """A token bucket that every call fills by `share`, and every extra call empties by one.

    Of n calls at most `FIRST + share * n` are asked twice, however many fail.
    """

    def __init__(self, share: float) -> None:
        """Take the share; with 0 nothing is ever asked twice."""
        self._share = share
        self._saved = FIRST if share else 0.0
        self.spent = 0

    def earn(self) -> None:
        """Count a call."""
        self._saved = min(_MOST, self._saved + self._share)

    def spend(self) -> bool:
        """Take one extra call, if there is any left."""
        # Sums of tenths are a little less than one.
        if self._saved < 1.0 - 1e-9:
            return False
        self._saved -= 1.0
        self.spent += 1
        return True

"""A page drawn from two rankings in turn: what its users choose says which ranking they prefer.

Radlinski, Kurup & Joachims, "How does clickthrough data reflect retrieval quality?", CIKM 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence


class Draft(NamedTuple):
    """The drawn order, and parallel to it whose turn each row was: 0 the first ranking's, 1 the second's."""

    order: tuple[int, ...]
    teams: tuple[int, ...]


def team_draft(first: Sequence[int], second: Sequence[int], coins: random.Random) -> Draft:
    """Return all rows in the order in which two captains choose them, each the best left in its ranking.

    Both rankings are permutations of the same rows. In every pair of turns each captain has one; a coin
    decides who begins, so that neither ranking has the better places on average. Equal coins, equal draft.
    """
    rankings = (iter(first), iter(second))
    taken: set[int] = set()
    teams: list[int] = []
    order: list[int] = []
    while len(order) < len(first):
        # The second of a pair of turns belongs to the captain who hasn't had the first.
        team = 1 - teams[-1] if len(teams) % 2 else coins.getrandbits(1)
        row = next(rankings[team])
        while row in taken:
            row = next(rankings[team])
        taken.add(row)
        order.append(row)
        teams.append(team)
    return Draft(tuple(order), tuple(teams))

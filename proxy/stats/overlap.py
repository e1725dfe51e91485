"""How much of one list another one has, above all at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


def overlap_at(a: Sequence[Hashable], b: Sequence[Hashable], k: int) -> float:
    """Return the share of the first k that both lists have, from 0 to 1, in whatever order.

    The longer of two short lists counts as the whole; two empty lists are equal. A name that is listed twice
    counts once, at its first place.
    """
    first, second = list(dict.fromkeys(a))[:k], list(dict.fromkeys(b))[:k]
    longer = max(len(first), len(second))
    return len(set(first) & set(second)) / longer if longer else 1.0


def rank_biased_overlap(a: Sequence[Hashable], b: Sequence[Hashable], p: float = 0.9) -> float:
    """Return the rank-biased overlap: 1 for the same order, 0 for lists that share nothing; symmetric.

    A reader goes on from each rank to the next with probability `p`, 0 < p < 1, and meets the overlap of what
    both lists have shown so far; .9 gives the first ten ranks 86 % of the weight. What lies behind the end of
    a list is taken to overlap as what is seen does. A name that is listed twice counts once, at its first
    place. Two empty lists are equal; an empty one has nothing in common with another.

    RBO_ext, equation 32 of Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", TOIS
    28(4), 2010.
    """
    shorter, longer = sorted((list(dict.fromkeys(a)), list(dict.fromkeys(b))), key=len)
    if not shorter:
        return 0.0 if longer else 1.0
    ends = len(shorter)
    seen_shorter: set[Hashable] = set()
    seen_longer: set[Hashable] = set()
    common = common_at_end = 0
    total, weight = 0.0, 1.0
    for depth, name in enumerate(longer, 1):
        seen_longer.add(name)
        common += name in seen_shorter
        if depth <= ends:
            seen_shorter.add(shorter[depth - 1])
            common += shorter[depth - 1] in seen_longer
            common_at_end = common
        weight *= p
        unseen = common_at_end * max(0, depth - ends) / ends
        total += (common + unseen) / depth * weight
    return (1 - p) / p * total + ((common - common_at_end) / len(longer) + common_at_end / ends) * weight

"""Which parts of a long list a model puts in order, one after the other: RankGPT's sliding window.

From the back to the front, each window overlapping the one before it: what deserves it is carried along to
the top, over several windows (Sun et al., "Is ChatGPT Good at Search?", arxiv.org/abs/2304.09542). So with
windows of 20 and a stride of 10 the ten best can come from anywhere; further down it is less certain. Unlike
in the paper's code, the last window reaches the first place whatever the length.
"""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """Places `start` to `end`, the latter excluded."""

    start: int
    end: int


def windows(count: int, size: int, stride: int) -> list[Window]:
    """Return the windows over `count` places, in the order in which they are asked.

    >>> windows(25, 10, 5)
    [Window(start=15, end=25), Window(start=10, end=20), Window(start=5, end=15), Window(start=0, end=10)]
    >>> windows(3, 10, 5)
    [Window(start=0, end=3)]
    """
    found = []
    end = count
    while True:
        start = max(0, end - size)
        found.append(Window(start, end))
        if start == 0:
            return found
        end -= stride

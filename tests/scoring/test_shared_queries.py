"""What one replica is asked, the others know of."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.scoring.near_queries import NearQueries
from proxy.scoring.shared_queries import SharedQueries

SCOPE = b"0123456789abcdef"
VECTOR = np.array([0.6, 0.8], np.float32)


class Loudspeaker:
    """A feed that tells every message to all but its sender, at once."""

    def __init__(self):
        self.hearers = []

    def of(self, replica):
        speaker = self

        class Feed:
            def subscribe(self, hear):
                speaker.hearers.append((replica, hear))

            def publish(self, message):
                for other, hear in speaker.hearers:
                    if other != replica:
                        hear(message)

        return Feed()


def replicas(count, *, now=lambda: 1000.0, ttl=60.0):
    feed = Loudspeaker()
    return feed, [SharedQueries(NearQueries(10, ttl), feed.of(number), now=now) for number in range(count)]


def test_a_query_of_one_replica_is_near_for_the_others():
    _, (one, two) = replicas(2)

    assert one.add(SCOPE, VECTOR, "why?")
    (near,) = two.nearest(SCOPE, VECTOR, 0.9, 4)

    assert near.query == "why?"
    assert near.similarity == pytest.approx(1, abs=1e-3)
    assert two.nearest(b"another scope...", VECTOR, 0.9, 4) == []


def test_what_is_not_remembered_is_not_told_either():
    feed, (one, _) = replicas(2)
    heard = []
    feed.hearers.append((None, heard.append))

    assert not one.add(SCOPE, np.zeros(2, np.float32), "why?")
    assert heard == []


@pytest.mark.parametrize("message", [b"", b"\x00" * 40, b"\xff" * 4000])
def test_what_is_not_understood_is_passed_over(message):
    feed, (one,) = replicas(1)
    for _, hear in feed.hearers:
        hear(message)

    assert one.nearest(SCOPE, VECTOR, 0.5, 4) == []


def test_what_was_asked_too_long_ago_is_not_remembered():
    clock = [1000.0]
    _, (one, two) = replicas(2, now=lambda: clock.pop() if len(clock) > 1 else clock[0])
    clock[:] = [1061.0, 1000.0]  # told at 1000, heard at 1061

    one.add(SCOPE, VECTOR, "why?")

    assert two.nearest(SCOPE, VECTOR, 0.9, 4) == []

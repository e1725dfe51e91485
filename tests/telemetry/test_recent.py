"""The searches of the last minutes: counted by outcome and reason, timed, and forgotten."""

from __future__ import annotations

import random

import pytest

from proxy.model import Outcome, Reason, Verdict
from proxy.telemetry import Telemetry
from proxy.telemetry.recent import Recent

RERANKED = Verdict(Outcome.RERANKED)
LATE = Verdict(Outcome.FALLBACK, Reason.LATE)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_searches_are_counted_by_store_outcome_and_reason():
    recent = Recent(Clock())
    for verdict in (RERANKED, LATE, LATE):
        recent.note("chroma", verdict, None)
    recent.note("qdrant", RERANKED, None)

    told = recent.within(60)

    assert told["chroma"].outcomes == ((Outcome.FALLBACK, Reason.LATE, 2), (Outcome.RERANKED, None, 1))
    assert (told["chroma"].searches, told["qdrant"].searches) == (3, 1)
    assert told["chroma"].added == {}


def test_each_window_has_its_own():
    clock = Clock()
    recent = Recent(clock)
    for _ in range(15):
        recent.note("chroma", RERANKED, 0.01)
        clock.now += 60

    counts = [recent.within(60 * minutes)["chroma"].searches for minutes in (1, 5, 15)]

    assert counts == [1, 5, 15]


def test_what_is_older_than_a_quarter_of_an_hour_is_forgotten():
    clock = Clock()
    recent = Recent(clock)
    recent.note("chroma", RERANKED, 0.01)
    clock.now += 1000

    assert recent.within(900) == {}
    for _ in range(100):
        clock.now += 10
        recent.note("chroma", RERANKED, 0.01)
    assert recent.within(1e6)["chroma"].searches == 90


@pytest.mark.parametrize("scale", [0.0005, 0.05, 5.0])
def test_percentiles_are_at_most_8_percent_off(scale):
    recent, lots = Recent(Clock()), random.Random(7)
    added = sorted(scale * lots.lognormvariate(0, 1) for _ in range(2000))
    for seconds in added:
        recent.note("chroma", RERANKED, seconds)

    told = recent.within(60)["chroma"].added

    for number, seconds in told.items():
        assert seconds == pytest.approx(added[len(added) * number // 100 - 1], rel=0.08)
    assert list(told) == [50, 95, 99]


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e9])
def test_times_without_measure_are_taken_all_the_same(seconds):
    recent = Recent(Clock())
    recent.note("chroma", RERANKED, seconds)

    assert 0 < recent.within(60)["chroma"].added[50] < 200


def test_it_counts_where_nothing_is_exported():
    telemetry = Telemetry()
    telemetry.measures.search("chroma", LATE, added=0.01)

    assert telemetry.measures.recent.within(60)["chroma"].searches == 1

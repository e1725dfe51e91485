"""What people are told about a collection."""

from __future__ import annotations

import pytest

from proxy.evidence.case import Case, Source, Terms
from proxy.evidence.statement import statement

PROBES, REFERENCE, PREFERENCE = Source
TERMS = Terms(min_lift=0.0, error=0.05)


def told(values, *sources, auto_off=True, terms=TERMS):
    case = Case(sources or (PROBES,), terms, 0.0)
    for number, (source, value) in enumerate(values):
        case.add(source, value, number, 86_400.0)
    return statement(case, terms, auto_off)


def test_nothing_is_known_yet():
    assert told([]) == {
        "state": "open",
        "answers": "reranked",
        "verdict": "It is open yet whether reranking does good here.",
        "alarm": None,
        "estimates": {"probes": {"mean": 0.0, "low": -1.0, "high": 1.0, "count": 0}},
    }


def test_it_is_open():
    found = told([(PROBES, 0.1)] * 3)

    assert found["state"] == "open"
    assert "Lift +0.100 (surely" in found["verdict"]
    assert "over 3 judged queries." in found["verdict"]


def test_it_is_good():
    found = told([(PROBES, 0.3)] * 200, terms=Terms(0.02, 0.05))

    assert (found["state"], found["answers"]) == ("good", "reranked")
    assert found["verdict"].startswith("Reranking is surely good enough here (above +0.020). Lift +0.300")


@pytest.mark.parametrize(
    ("auto_off", "answers", "sentence"),
    [
        (True, "store", "The store's own order is answered."),
        (False, "reranked", "It goes on: auto_off is off."),
    ],
)
def test_it_is_harmful(auto_off, answers, sentence):
    found = told([(PROBES, -0.3)] * 200, auto_off=auto_off)

    assert (found["state"], found["answers"]) == ("harmful", answers)
    assert found["verdict"].startswith("Reranking does harm here: lift -0.300 (surely -")
    assert sentence in found["verdict"]
    assert "Since then: lift -0.300" in found["verdict"]
    assert found["alarm"]["since"] == "1970-01-02T00:00:00+00:00"
    assert found["alarm"]["source"] == "probes"
    assert found["alarm"]["count"] + found["estimates"]["probes"]["count"] == 200


def test_who_says_so_is_told():
    found = told([(REFERENCE, -0.3)] * 200 + [(PREFERENCE, 0.5)] * 3, REFERENCE, PREFERENCE)

    assert "searches that the reference model looked at" in found["verdict"]
    assert "preference +0.500" in found["verdict"]


def test_how_many_preferences_it_takes_is_said():
    sentence = "Preferences are believed from 30 different queries on."

    assert sentence in told([(PREFERENCE, -1.0)] * 29, PREFERENCE)["verdict"]
    assert sentence not in told([(PREFERENCE, 1.0)] * 30, PREFERENCE)["verdict"]
    assert sentence not in told([(PROBES, 1.0)], PREFERENCE, PROBES)["verdict"]


def test_what_only_people_can_end_is_said():
    """Nobody can prefer what nobody is shown."""
    assert "reset it after a change" in told([(PREFERENCE, -1.0)] * 40, PREFERENCE)["verdict"]
    assert "reset it" not in told([(PREFERENCE, -1.0)] * 40, PREFERENCE, PROBES)["verdict"]

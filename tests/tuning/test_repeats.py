"""Searches that ask the same count once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tuning.repeats import mean_by_query, newest_of_each, same_query
from tests.tuning.made import case


@pytest.mark.parametrize("text", ["caf\u00e9 noir", " Cafe\u0301  NOIR\n"])
def test_letter_case_spaces_and_composed_characters_make_no_difference(text):
    assert same_query(text) == "caf\u00e9 noir"


def test_values_of_a_query_come_down_to_their_mean():
    assert mean_by_query([("a", 1.0), ("b", 0.5), (" A", 0.0)]) == {"a": 0.5, "b": 0.5}


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1)), st.integers(1, 9))
def test_to_ask_all_of_them_again_changes_nothing(values, times):
    found = mean_by_query(list(values.items()) * times)

    assert found == pytest.approx(values)


def test_of_cases_the_newest_is_taken():
    old, other, new = case(0), case(1), case(0, rows=6)

    assert newest_of_each([old, other, new._replace(query=" TOPIC 0")]) == (
        new._replace(query=" TOPIC 0"),
        other,
    )

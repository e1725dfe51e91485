"""A key changes with everything that decides a score, and with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.base import SHARED
from proxy.scoring.score_keys import ScoreKeys, normalised

TEXTS = ("one", "two", "three")


def test_the_pairs_of_a_query_share_the_first_half_of_their_keys():
    keys = ScoreKeys("model").pairs("why?", TEXTS)

    assert len({key[:SHARED] for key in keys}) == 1
    assert len({key[SHARED:] for key in keys}) == len(TEXTS)


@pytest.mark.parametrize(
    "other",
    [
        ScoreKeys("another").pairs("why?", TEXTS),
        ScoreKeys("model", b"secret").pairs("why?", TEXTS),
        ScoreKeys("model").pairs("how?", TEXTS),
        ScoreKeys("model").pairs("why?", ("One", "Two", "Three")),
        ScoreKeys("model").pairs("why?", TEXTS, b"scope"),
        ScoreKeys("model").members("why?", TEXTS),
    ],
)
def test_another_model_secret_query_text_or_scope_has_other_keys(other):
    assert not set(ScoreKeys("model").pairs("why?", TEXTS)) & set(other)


def test_a_scope_and_a_query_are_not_cut_in_another_place():
    keys = ScoreKeys("model")

    assert keys.pairs("bc", TEXTS, b"a") != keys.pairs("c", TEXTS, b"ab")


def test_the_keys_of_a_list_depend_on_all_of_it_but_not_on_its_order():
    keys = ScoreKeys("model")
    whole = keys.members("why?", TEXTS)

    assert keys.members("why?", TEXTS[::-1]) == whole[::-1]
    assert not set(keys.members("why?", TEXTS[:2])) & set(whole)


@given(st.text())
def test_normalising_is_done_once(query):
    assert normalised(normalised(query)) == normalised(query)


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters(codec=None)))
def test_whatever_json_can_hold_has_a_key(query, text):
    assert ScoreKeys("model").pairs(query, (text, "\ud800"))


def test_spacing_and_composition_do_not_matter():
    assert normalised("  caf\u0065\u0301 \n au lait ") == "caf\u00e9 au lait"

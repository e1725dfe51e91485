"""A key changes with everything that decides a score, and with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cache.base import SHARED
from proxy.scoring.score_keys import ScoreKeys, normalised

TEXTS = ("one", "two", "three")


def pairs(query="why?", texts=TEXTS, scope=b"", keys=ScoreKeys("model")):  # noqa: B008
    return keys.pairs(query, keys.texts(texts), scope)


def members(query="why?", texts=TEXTS, keys=ScoreKeys("model")):  # noqa: B008
    return keys.members(query, keys.texts(texts))


def test_the_pairs_of_a_query_share_the_first_half_of_their_keys():
    keys = pairs()

    assert len({key[:SHARED] for key in keys}) == 1
    assert len({key[SHARED:] for key in keys}) == len(TEXTS)


@pytest.mark.parametrize(
    "other",
    [
        pairs(keys=ScoreKeys("another")),
        pairs(keys=ScoreKeys("model", b"secret")),
        pairs("how?"),
        pairs(texts=("One", "Two", "Three")),
        pairs(scope=b"scope"),
        members(),
    ],
)
def test_another_model_secret_query_text_or_scope_has_other_keys(other):
    assert not set(pairs()) & set(other)


def test_a_scope_and_a_query_are_not_cut_in_another_place():
    assert pairs("bc", scope=b"a") != pairs("c", scope=b"ab")


def test_the_keys_of_a_list_depend_on_all_of_it_but_not_on_its_order():
    whole = members()

    assert members(texts=TEXTS[::-1]) == whole[::-1]
    assert not set(members(texts=TEXTS[:2])) & set(whole)


@given(st.text())
def test_normalising_is_done_once(query):
    assert normalised(normalised(query)) == normalised(query)


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters(codec=None)))
def test_whatever_json_can_hold_has_a_key(query, text):
    assert len(set(pairs(query, (text, "\ud800")))) == len({text, "\ud800"})


def test_spacing_and_composition_do_not_matter():
    assert normalised("  caf\u0065\u0301 \n au lait ") == "caf\u00e9 au lait"

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.remote.answers import BadAnswer, parsed, rows_under, scores_in, sigmoid

_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("index", "score", "x")), inner, max_size=3)
    ),
)
_FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(_FLOAT32, min_size=1, max_size=40), st.randoms())
def test_rows_may_come_in_any_order(scores, random):
    rows = [{"index": index, "score": score} for index, score in enumerate(scores)]
    random.shuffle(rows)

    assert scores_in(rows, len(scores), score="score").tolist() == scores


@given(_JUNK, st.integers(1, 3))
def test_of_whatever_else_comes_only_whole_answers_are_taken(answer, count):
    """The invariant: a finite float32 for every text, or `BadAnswer`; never any other error."""
    try:
        scores = scores_in(answer, count, score="score")
    except BadAnswer:
        return

    assert scores.shape == (count,)
    assert np.isfinite(scores.astype(np.float32)).all()


@given(st.binary(max_size=40))
def test_whatever_is_no_json_is_no_answer(body):
    try:
        rows_under(parsed(body), "results")
    except BadAnswer:
        return

    assert b"results" in body


def test_what_is_wrong_is_said_without_quoting_it():
    with pytest.raises(BadAnswer) as bad:
        rows_under({"secret": "text"}, "results")

    assert "secret" not in str(bad.value)


@given(st.lists(_FLOAT32, min_size=2, max_size=20))
def test_a_sigmoid_never_turns_an_order_around(logits):
    probabilities = sigmoid(np.array(logits, np.float64))

    assert (np.diff(probabilities[np.argsort(logits)]) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_a_sigmoid_is_one():
    assert sigmoid(np.array([-2.0, 0.0, 2.0])).tolist() == pytest.approx([0.1192029, 0.5, 0.8807971])

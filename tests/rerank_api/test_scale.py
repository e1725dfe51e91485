"""Scores in [0, 1], and in the order that they had."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy import CrossEncoderOnnxModel, LateInteractionModel
from proxy.policy_llm import LlmModel
from proxy.policy_remote import RemoteModel
from proxy.policy_torch import CrossEncoderTorchModel
from proxy.rerank_api.scale import LEAST, clipped, falling, scale_of, share, sigmoid

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize("scale", [sigmoid, clipped])
@given(FINITE, FINITE)
def test_a_scale_keeps_every_order_and_its_bounds(scale, one, other):
    low, high = sorted((one, other))

    assert LEAST <= scale(low) <= scale(high) <= 1


@given(st.lists(FINITE, max_size=1000))
def test_no_two_rows_have_the_same_score(scores):
    scores = sorted(map(clipped, scores), reverse=True)
    apart = list(falling(scores))

    assert all(one > other for one, other in itertools.pairwise(np.float32(apart)))
    assert apart == pytest.approx(scores, rel=1e-3)
    assert all(0 < score <= 1 for score in apart)


@given(st.floats(LEAST, 1))
def test_what_is_in_bounds_already_stands(score):
    assert clipped(score) == score


@given(st.floats(-20, 20))
def test_a_sigmoid_is_symmetric(logit):
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1)


@given(st.integers(1, 1000))
def test_an_order_alone_is_told_as_shares(count):
    shares = [share(float(rank), count) for rank in range(count, 0, -1)]

    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (1, 1 / count)


LLM = {"kind": "llm", "api": "openai", "url": "http://127.0.0.1:1", "model": "m"}


@pytest.mark.parametrize(
    ("model", "scale"),
    [
        (CrossEncoderOnnxModel(kind="cross_encoder_onnx", model="m"), sigmoid),
        (CrossEncoderTorchModel(kind="cross_encoder_torch", model="m"), sigmoid),
        (LateInteractionModel(kind="late_interaction"), clipped),
        (RemoteModel(kind="remote", dialect="tei", url="http://127.0.0.1:1"), clipped),
        (LlmModel(method="pointwise", **LLM), clipped),
        (LlmModel(method="listwise", **LLM), share),
    ],
)
def test_every_model_has_the_scale_that_it_speaks_on(model, scale):
    assert scale_of(model) is scale

"""What a policy may say about models on torch."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from proxy.policy_torch import CrossEncoderTorchModel


def model(**settings) -> CrossEncoderTorchModel:
    return CrossEncoderTorchModel(**{"kind": "cross_encoder_torch", "model": "org/name", **settings})


def test_a_model_is_all_that_must_be_said():
    assert (model().device, model().dtype, model().batch_size) == ("auto", "auto", 0)


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:15"])
def test_devices_are_named_as_torch_does(device):
    assert model(device=device).device == device


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "gpu"},
        {"device": "cuda:"},
        {"device": "cuda:0\n"},
        {"device": "meta"},
        {"revision": "main"},
        {"revision": "0123abc"},
        {"dtype": "int8"},
        {"batch_size": -1},
        {"max_tokens": 8},
        {"model": ""},
        {"trust_remote_code": True},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        model(**wrong)


def test_a_revision_is_a_whole_commit():
    assert model(revision="0123456789" * 4).revision == "0123456789" * 4

"""Texts in, arrays out, whatever the length of a text."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.scoring.onnx_session import OnnxModel
from proxy.scoring.prepared_model import prepare
from proxy.scoring.text_graph import LocalTextGraph, TextInput
from proxy.scoring.text_reader import TextReader

QUERY = "which cat ?"
LONG = "the cat sat on the mat . the dog ran far away . " * 3


@pytest.fixture
def pairs(tiny_cross_encoder):
    return LocalTextGraph(prepare(str(tiny_cross_encoder)))


@pytest.fixture
def texts(tiny_encoder):
    return LocalTextGraph(prepare(str(tiny_encoder)))


def test_a_pair_gives_a_logit_for_every_window(pairs):
    inputs = [TextInput(LONG, QUERY, 16, windows) for windows in (1, 3, 99)]
    one, three, all_ = pairs.run([*inputs])
    assert (one.shape, three.shape, all_.shape) == ((1,), (3,), (4,))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, three[:1])
    assert len(set(three)) == 3


def test_a_text_gives_the_rows_of_all_its_windows(texts, tiny_encoder):
    (found,) = texts.run([TextInput(LONG, max_tokens=12, windows=2)])
    prepared = prepare(str(tiny_encoder))
    windows = TextReader(prepared.tokenizer, prepared.max_tokens).windows(LONG, max_tokens=12, windows=2)
    graph = OnnxModel(prepared.graph)
    np.testing.assert_array_equal(found, np.vstack([graph.run(window) for window in windows]))


def test_an_empty_text_is_a_text(pairs, texts):
    assert pairs.run([TextInput("", QUERY, windows=4)])[0].shape == (1,)
    assert texts.run([TextInput("", windows=4)])[0].shape == (2, 16)


def test_an_output_does_not_depend_on_what_else_is_asked(pairs):
    inputs = [TextInput(text, QUERY) for text in ("the cat", LONG, "a b c d e f g h", "")]
    together = pairs.run(inputs)
    alone = [pairs.run([one])[0] for one in inputs]
    np.testing.assert_array_equal(np.concatenate(together), np.concatenate(alone))


def test_ending_it_takes_nothing(pairs):
    pairs.interrupt()
    pairs.close()

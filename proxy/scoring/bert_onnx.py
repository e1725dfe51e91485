"""BERT-family encoders as ONNX graphs, straight from `config.json` and `model.safetensors`: no torch.

The graph takes texts of one length, `input_ids` and (BERT) `token_type_ids` of shape (texts, tokens), and has
no mask: midrank runs one text per call, so nothing is ever padded. It ends in a head:

logit    float32, shape (texts, 1): the score of a sequence-classification model with one label
tokens   float32, shape (texts, tokens, hidden): the last hidden states

What was measured on the way (MiniLM-L6, 94 tokens, one thread, AVX-512 VNNI); more of it, with figures, is in
docs/decisions/004:

* The int8 products are 60 % of the time, at 370 billion operations a second; attention is 15 %.
* One text per call costs 3 % more per token than four of the same length; padding four texts of different
  lengths costs more than that. Only below some 50 tokens do batches pay.
* `SkipLayerNormalization` takes many times as long as `LayerNormalization`: the sums are nodes of their own.
* The last layer of a logit is needed for the first token only: 14 % less work, the same result.
* `MatMulNBits` with 8 bits takes 1.6 times as long as `DynamicQuantizeMatMul`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from proxy.scoring._onnx_graph import FLOAT, RUNTIME, GraphWriter, quantize_columns, quantize_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from onnx import ModelProto

    from proxy.scoring.bert_config import BertConfig
    from proxy.scoring.model_files import Head
    from proxy.scoring.prepared_model import Progress

_ACTIVATIONS = {
    "gelu": ("Gelu", RUNTIME),
    "gelu_new": ("FastGelu", RUNTIME),
    "gelu_pytorch_tanh": ("FastGelu", RUNTIME),
    "relu": ("Relu", ""),
}
# The bytes that stand for 0: among values of both signs, and among those that come out of an activation. None
# of the activations goes below the floor, so few bytes are needed for what is negative.
_ZERO, _ACTIVATED_ZERO = 128, 32
_ACTIVATION_FLOOR = -0.17


class BertGraph:
    """Builds one graph, int8 with so many bits for its weights, or float32 with None.

    `weight(name)` returns a checkpoint's tensor as float32.
    """

    def __init__(
        self,
        config: BertConfig,
        weight: Callable[[str], NDArray[np.float32]],
        weight_bits: int | None,
        progress: Progress,
    ) -> None:
        self._config = config
        self._weight = weight
        self._weight_bits = weight_bits
        self._progress = progress
        self._graph = GraphWriter()

    def build(self, head: Head) -> ModelProto:
        """Return the model with a head; call once."""
        layers = self._config.num_hidden_layers
        self._progress(0, layers, "embeddings")
        hidden = self._embeddings()
        for layer in range(layers):
            self._progress(layer, layers, "layers")
            last = head == "logit" and layer == layers - 1
            hidden = self._layer(f"encoder.layer.{layer}", hidden, first_token_only=last)
        self._progress(layers, layers, "layers")
        inputs = ["input_ids", "token_type_ids"] if self._config.model_type == "bert" else ["input_ids"]
        if head == "logit":
            return self._graph.model(inputs, self._logit(hidden), "logits")
        return self._graph.model(inputs, hidden, "last_hidden_state")

    def _embeddings(self) -> str:
        graph, name = self._graph, "embeddings"
        words = self._lookup(f"{name}.word_embeddings", "input_ids")
        table = self._weight(f"{name}.token_type_embeddings.weight")
        if self._config.model_type == "bert":
            types = graph.op("Gather", graph.constant(f"{name}.types", table), "token_type_ids")
        else:
            types = graph.constant(f"{name}.types", table[0])
        table = self._weight(f"{name}.position_embeddings.weight")[self._config.first_position :]
        tokens = graph.op("Gather", graph.op("Shape", "input_ids"), graph.integers(1))
        positions = graph.op("Slice", graph.constant(f"{name}.positions", table), graph.integers(0), tokens)
        return self._norm(f"{name}.LayerNorm", graph.op("Add", graph.op("Add", words, types), positions))

    def _layer(self, name: str, hidden: str, *, first_token_only: bool) -> str:
        """Return the layer's output; for the first token only, it still attends to all of them."""
        graph = self._graph
        query, key, value = (f"{name}.attention.self.{part}" for part in ("query", "key", "value"))
        if first_token_only:
            target = graph.op("Slice", hidden, graph.integers(0), graph.integers(1), graph.integers(1))
            queries = self._linear(target, query)
            keys, values = graph.ops("Split", 2, self._linear(hidden, key, value), axis=-1, num_outputs=2)
        else:
            target = hidden
            joint = self._linear(hidden, query, key, value)
            queries, keys, values = graph.ops("Split", 3, joint, axis=-1, num_outputs=3)
        heads = self._config.num_attention_heads
        attended = graph.op("MultiHeadAttention", queries, keys, values, domain=RUNTIME, num_heads=heads)
        attended = self._linear(attended, f"{name}.attention.output.dense")
        target = self._norm(f"{name}.attention.output.LayerNorm", graph.op("Add", attended, target))
        return self._norm(
            f"{name}.output.LayerNorm", graph.op("Add", self._feed_forward(target, name), target)
        )

    def _feed_forward(self, hidden: str, name: str) -> str:
        graph, axis = self._graph, self._graph.integers(-1)
        activation, domain = _ACTIVATIONS[self._config.hidden_act]
        if self._weight_bits is None:
            inner = graph.op(activation, self._linear(hidden, f"{name}.intermediate.dense"), domain=domain)
            return self._linear(inner, f"{name}.output.dense")
        if activation == "Gelu":
            activation = "FastGelu"  # 3 % faster, and off by less than .0005: far less than a step of 8 bits
        tokens = graph.op("Reshape", hidden, graph.integers(-1, self._config.hidden_size))
        largest = graph.op("ReduceMax", graph.op("Abs", tokens), axis, keepdims=0)
        inner = self._linear_per_token(tokens, f"{name}.intermediate.dense", largest, _ZERO)
        inner = graph.op(activation, inner, domain=domain)
        least = -_ACTIVATION_FLOOR / _ACTIVATED_ZERO * (255 - _ACTIVATED_ZERO)  # so that the floor is byte 0
        largest = graph.op("ReduceMax", inner, axis, keepdims=0)
        largest = graph.op("Max", largest, graph.constant("activation.least", np.array([least], np.float32)))
        outer = self._linear_per_token(inner, f"{name}.output.dense", largest, _ACTIVATED_ZERO)
        return graph.op("Reshape", outer, graph.op("Shape", hidden))

    def _logit(self, hidden: str) -> str:
        """Return the score from the first token, in float32: two products of one row are not worth less."""
        graph = self._graph
        first = graph.op("Squeeze", hidden, graph.integers(1))
        if self._config.model_type == "bert":
            return self._dense(graph.op("Tanh", self._dense(first, "pooler.dense")), "classifier")
        return self._dense(graph.op("Tanh", self._dense(first, "classifier.dense")), "classifier.out_proj")

    def _norm(self, name: str, hidden: str) -> str:
        scale, bias = (
            self._graph.constant(f"{name}.{part}", self._weight(f"{name}.{part}"))
            for part in ("weight", "bias")
        )
        epsilon = self._config.layer_norm_eps
        return self._graph.op("LayerNormalization", hidden, scale, bias, axis=-1, epsilon=epsilon)

    def _dense(self, hidden: str, name: str) -> str:
        weight = self._graph.constant(f"{name}.weight", self._weight(f"{name}.weight"))
        bias = self._graph.constant(f"{name}.bias", self._weight(f"{name}.bias"))
        return self._graph.op("Gemm", hidden, weight, bias, transB=1)

    def _linear(self, hidden: str, *names: str) -> str:
        """Return the outputs of linear layers that share their input, side by side: one product for all."""
        graph, bias = self._graph, self._bias(*names)
        if self._weight_bits is None:
            weight = graph.constant(f"{'+'.join(names)}.weight", self._columns(*names))
            return graph.op("Add", graph.op("MatMul", hidden, weight), bias)
        weight, scale = self._quantised(*names)
        return graph.op("DynamicQuantizeMatMul", hidden, weight, scale, "", bias, domain=RUNTIME)

    def _linear_per_token(self, hidden: str, name: str, largest: str, zero: int) -> str:
        """Return a linear layer of which int8 sees every token at its own scale: its `largest` becomes 255.

        `hidden` has shape (tokens, inputs), `largest` (tokens,); `zero` is the byte that stands for 0.

        In the feed-forward layers a few tokens are many times as large as the others. At one scale for the
        text they would cost the others most of their eight bits.
        """
        graph = self._graph
        share = np.array([1 / (255 - zero)], np.float32)
        step = graph.op("Mul", largest, graph.constant(f"share.{zero}", share))
        byte = graph.constant(f"zero.{zero}", np.array([zero], np.uint8))
        zeros = graph.op("Expand", byte, graph.op("Shape", step))
        values = graph.op("QuantizeLinear", hidden, step, zeros, axis=0)
        weight, scale = self._quantised(name)
        one = graph.constant("one", np.array([1], np.float32))
        product = graph.op("MatMulIntegerToFloat", values, weight, one, scale, byte, domain=RUNTIME)
        product = graph.op("Mul", product, graph.op("Unsqueeze", step, graph.integers(-1)))
        return graph.op("Add", product, self._bias(name))

    def _columns(self, *names: str) -> NDArray[np.float32]:
        """Return the weights of linear layers side by side, shape (inputs, outputs)."""
        return np.concatenate([self._weight(f"{one}.weight") for one in names]).T

    def _bias(self, *names: str) -> str:
        bias = np.concatenate([self._weight(f"{one}.bias") for one in names])
        return self._graph.constant(f"{'+'.join(names)}.bias", bias)

    def _quantised(self, *names: str) -> tuple[str, str]:
        """Return the weights of linear layers side by side in int8, and the scale of each column."""
        assert self._weight_bits is not None, "asked for an int8 graph alone"
        values, scales = quantize_columns(self._columns(*names), self._weight_bits)
        name = "+".join(names)
        return self._graph.constant(f"{name}.weight", values), self._graph.constant(f"{name}.scale", scales)

    def _lookup(self, name: str, ids: str) -> str:
        """Return the rows of an embedding table. It is the largest tensor, and most of it is never read."""
        graph = self._graph
        table = self._weight(f"{name}.weight")
        if self._weight_bits is None:
            return graph.op("Gather", graph.constant(f"{name}.weight", table), ids)
        values, scales = quantize_rows(table)
        rows = graph.op("Gather", graph.constant(f"{name}.weight", values), ids)
        scale = graph.op("Gather", graph.constant(f"{name}.scale", scales), ids)
        return graph.op("Mul", graph.op("Cast", rows, to=FLOAT), scale)

"""Writes an ONNX graph node by node: constants in, names of tensors out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

# Operators that ONNX Runtime adds to the standard: contrib_ops in its documentation.
RUNTIME = "com.microsoft"
FLOAT = TensorProto.FLOAT
_OPSETS = (helper.make_opsetid("", 18), helper.make_opsetid(RUNTIME, 1))
_IR_VERSION = 9  # the oldest that allows opset 18; an older runtime can read it


class GraphWriter:
    """Collects nodes and constants. Every method returns the name of the tensor it makes."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: float) -> str:
        """Add a node with one output. An empty name stands for an optional input that is left out."""
        return self.ops(kind, 1, *inputs, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, outputs: int, *inputs: str, domain: str = "", **attributes: float
    ) -> tuple[str, ...]:
        """Add a node with several outputs."""
        name = f"{kind}_{len(self._nodes)}"
        names = tuple(f"{name}_{number}" for number in range(outputs))
        node = helper.make_node(kind, inputs, names, name=name, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self._nodes.append(node)
        return names

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a constant tensor, once under each name."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def integers(self, *values: int) -> str:
        """Add a vector of integers, as shapes, axes and slices need them."""
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def model(self, inputs: Sequence[str], output: str, name: str) -> ModelProto:
        """Return the finished model: inputs are int64, shape (texts, tokens); `name` names its output."""
        self._nodes.append(helper.make_node("Identity", [output], [name]))
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(one, TensorProto.INT64, ["texts", "tokens"]) for one in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
            list(self._constants.values()),
        )
        return helper.make_model(
            graph, opset_imports=_OPSETS, ir_version=_IR_VERSION, producer_name="midrank"
        )


def quantize_columns(weight: NDArray[np.float32], bits: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 values and float32 scales, shape (columns,): `values * scales` is close to the weight.

    `bits` are used of the eight that a value has.
    """
    return _quantize(weight, axis=0, bits=bits)


def quantize_rows(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 values and float32 scales, shape (rows, 1): `values * scales` is close to the table."""
    values, scales = _quantize(table, axis=1, bits=8)
    return values, scales[:, np.newaxis]


def _quantize(
    weight: NDArray[np.float32], *, axis: int, bits: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    scales = np.abs(weight).max(axis=axis) / np.float32(2 ** (bits - 1) - 1)
    scales[scales == 0] = 1
    return np.rint(weight / np.expand_dims(scales, axis)).astype(np.int8), scales

"""An ONNX text model on ONNX Runtime, set up to share a machine with the rest of the proxy.

One text per call, on the calling thread: the engine's threads are the parallelism. A second level of threads
inside the runtime would need a hand-over at every node, and spins while it waits for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from proxy.errors import BadConfig, Mistake
from proxy.scoring.quiet_runtime import onnxruntime

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tokenizers import Encoding

_states = onnxruntime.capi.onnxruntime_pybind11_state
# What the runtime says of a graph; the exceptions have no common base but `Exception`.
_REFUSED = (
    _states.Fail,
    _states.InvalidArgument,
    _states.InvalidGraph,
    _states.InvalidProtobuf,
    _states.NoSuchFile,
    _states.NotImplemented,
    _states.RuntimeException,
)


class OnnxModel:
    """One loaded graph; `run` may be called by several threads at once."""

    def __init__(self, graph: Path) -> None:
        """Load the graph, which takes its size in memory.

        Raises:
            BadConfig: it is not one, or not one for this version of the runtime.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # 3 % faster than malloc, and its heap stays smaller: texts of all lengths leave holes in the latter.
        options.enable_cpu_mem_arena = True
        # A plan of buffers is kept for every length of text that was ever seen.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except _REFUSED as error:
            reason = str(error).partition("\n")[0]
            allowed = f"a graph that onnxruntime {onnxruntime.__version__} runs; remove it if midrank made it"
            raise BadConfig((Mistake(str(graph), "model", reason, allowed),)) from error
        self._inputs = tuple(one.name for one in self._session.get_inputs())
        self._output = self._session.get_outputs()[0].name

    def run(self, text: Encoding) -> NDArray[np.float32]:
        """Return the first output for one tokenised text, float32, without the leading axis of the batch."""
        offered = {
            "input_ids": text.ids,
            "attention_mask": text.attention_mask,
            "token_type_ids": text.type_ids,
        }
        feeds = {name: np.array([offered[name]], dtype=np.int64) for name in self._inputs}
        (output,) = cast("list[NDArray[np.float32]]", self._session.run([self._output], feeds))
        first: NDArray[np.float32] = output[0]
        return first

"""A model's process that does what its texts tell it: die, hang, raise, babble. Run as the real one is.

The graph's file decides how it starts: `fine`, `refuse`, `die`, `hang` or `babble`; every start adds a line
to the tokenizer's file.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading

import numpy as np

from proxy.errors import BadConfig, Mistake
from proxy.scoring.graph_process import run_process
from proxy.scoring.prepared import PreparedModel

MODULE = "tests.fakes.odd_graph_process"
SOCKETS = [int(number) for number in sys.argv[1].split(",")] if __name__ == "__main__" else []


def prepared_oddly(folder, start="fine"):
    (folder / "graph").write_text(start)
    (folder / "starts").touch()
    return PreparedModel(folder / "graph", folder / "starts", "logit", 40, "odd")


def starts(prepared):
    return len(prepared.tokenizer.read_text().splitlines())


class OddGraph:
    def __init__(self, prepared):
        with prepared.tokenizer.open("a") as lines:
            lines.write("started\n")
        match prepared.graph.read_text():
            case "refuse":
                raise BadConfig((Mistake("graph", "model", "not a graph", "a better one"),))
            case "die":
                os._exit(7)
            case "hang":
                threading.Event().wait()
            case "babble":
                os.write(SOCKETS[0], b"Hello, world!")
                threading.Event().wait()

    def run(self, inputs):
        return [self._run(one) for one in inputs][: 1 if inputs[0].text == "too few" else None]

    def interrupt(self):
        raise NotImplementedError

    def close(self):
        raise NotImplementedError

    def _run(self, one):
        match one.text:
            case "die":
                os._exit(7)
            case "crash":
                ctypes.string_at(0)
            case "hang":
                threading.Event().wait()
            case "raise":
                raise ArithmeticError(one.query)
            case "babble":
                for number in SOCKETS[1:]:
                    os.write(number, b"Hello, world!")
            case "process":
                return np.array([os.getpid(), threading.get_native_id()], dtype=np.float32)
        return np.array(
            [[len(one.text), one.max_tokens], [len(one.query or ""), one.windows]], dtype=np.float32
        )


if __name__ == "__main__":
    os._exit(run_process(sys.argv[1:], OddGraph))

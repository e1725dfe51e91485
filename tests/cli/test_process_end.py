"""How the process of a command begins and ends, whatever its threads and its signals do."""

from __future__ import annotations

import subprocess
import sys

IN_NATIVE_CODE = """
import sys, threading
import numpy as np, onnxruntime
from onnx import TensorProto, helper

a, b = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in "ab")
graph = helper.make_graph([helper.make_node("MatMul", ["a", "a"], ["b"])], "squares", [a], [b])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
begun = threading.Event()

def work():
    session = onnxruntime.InferenceSession(model.SerializeToString())
    while True:
        session.run(None, {"a": np.ones((64, 64), np.float32)})
        begun.set()

threading.Thread(target=work, daemon=True).start()
begun.wait()
from proxy.cli import main
sys.exit(main())
"""

HUNG_UP = """
import os, signal, sys

class HangUp:
    def find_spec(self, name, path=None, target=None):
        if name in ("proxy.cli.commands", "proxy.cli.run", "pydantic", "aiohttp"):
            os.kill(os.getpid(), signal.SIGHUP)

sys.meta_path.insert(0, HangUp())
from proxy.cli import main
sys.exit(main())
"""


def ran(script, *arguments):
    """Return what came of a process of midrank's."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_a_thread_in_native_code_does_not_change_how_it_ends():
    told = ran(IN_NATIVE_CODE, "schema")
    refused = ran(IN_NATIVE_CODE, "run", "--policy", "/nowhere/policy.yaml")

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("}\n"), "all that was to be said has been"
    assert refused.returncode == 2
    assert "/nowhere/policy.yaml" in refused.stderr


def test_a_reload_that_is_asked_for_while_it_is_imported_does_not_end_it():
    done = ran(HUNG_UP, "run", "--policy", "/nowhere/policy.yaml")

    assert done.returncode == 2
    assert "/nowhere/policy.yaml" in done.stderr

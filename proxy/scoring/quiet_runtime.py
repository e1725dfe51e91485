"""ONNX Runtime, imported so that it tells nobody: import it from here alone.

From 1.29 its Linux wheels report to Microsoft: the import makes a device id under `~/.cache`, a queue and an
upload of what the process is. `disable_telemetry_events()` comes too late for that; this variable does not
(microsoft/onnxruntime#27379).
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]

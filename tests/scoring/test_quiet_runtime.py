"""What loads models reports to nobody."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["proxy.scoring.onnx_session", "proxy.scoring.late_interaction"])
def test_the_runtime_leaves_no_trace_of_itself(module, tmp_path):
    """Left alone it makes a device id and a queue of reports below HOME, and a session in TMPDIR."""
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", f"import {module}"], cwd=REPO, env=environment | places, check=True)

    assert list(tmp_path.iterdir()) == []


def test_nobody_imports_the_runtime_otherwise():
    """Whoever comes first decides for the process."""
    allowed = {"proxy/scoring/quiet_runtime.py", "proxy/scoring/model_export.py"}
    importing = {
        path.relative_to(REPO).as_posix()
        for path in REPO.glob("proxy/**/*.py")
        if re.search(r"^\s*(import|from) onnxruntime", path.read_text(), re.MULTILINE)
    }

    assert importing == allowed

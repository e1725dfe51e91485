"""The description is true: what it promises is what a running API does, whatever is sent."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from proxy.policy import Policy
from tests.fakes.odd_scorers import TermOverlap
from tests.fakes.running import running

KEY = "the-key"


@pytest.mark.wire
@pytest.mark.skipif(find_spec("schemathesis") is None, reason="no schemathesis: pip install 'midrank[dev]'")
def test_schemathesis_finds_nothing_that_it_does_not_promise():
    """Valid and invalid requests, made from the description; every answer is held against it."""
    api = {"listen": "127.0.0.1:0", "api_key": KEY, "budget_ms": 5000}
    with running(
        Policy.model_validate({"rerank_api": api}), {"default": TermOverlap()}, warm=True
    ) as servers:
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{servers['rerank_api'].url}/openapi.json",
        ]
        options = ["--header", f"Authorization: Bearer {KEY}", "--max-examples", "20", "--no-color"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "No issues found" in done.stdout

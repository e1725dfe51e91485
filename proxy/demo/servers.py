"""The demo's two servers, each a process of its own that ends with the demo."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from proxy.evaluation.child import free_port, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """Run a Chroma server that keeps its data and its log in a folder; gives its URL once it answers.

    Raises:
        NotStarted: it ended, or didn't answer in time.
    """
    port = free_port()
    # The `chroma` command, whether or not it is on the path; it wants its own name as first argument.
    start = "import sys; sys.argv[0] = 'chroma'; from chromadb.cli.cli import app; app()"
    command = python("-c", start, "run", "--path", str(folder / "chroma"), "--host", "127.0.0.1")
    with running(
        "Chroma",
        [*command, "--port", str(port)],
        folder / "chroma.log",
        f"http://127.0.0.1:{port}/api/v2/heartbeat",
    ):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def midrank(upstream: str, folder: Path) -> Iterator[str]:
    """Run midrank in front of a Chroma server, as a user would; gives its URL once it is ready.

    The folder gets its policy, its log, and what its model has learnt about passages.

    Raises:
        NotStarted: it ended, or wasn't ready in time.
    """
    port, admin = free_port(), free_port()
    policy = folder / "policy.yaml"
    policy.write_text(yaml.safe_dump(_policy(upstream, folder / "matrices", port, admin), sort_keys=False))
    command = python("-m", "proxy", "run", "--policy", str(policy))
    with running("midrank", command, folder / "midrank.log", f"http://127.0.0.1:{admin}/warm"):
        yield f"http://127.0.0.1:{port}"


def _policy(upstream: str, matrices: Path, port: int, admin: int) -> dict[str, object]:
    """Write what an operator would: where the store is. How to rank is left to midrank's defaults."""
    return {
        "version": 1,
        "stores": [{"kind": "chroma", "listen": f"127.0.0.1:{port}", "upstream": upstream}],
        "models": {"default": {"kind": "late_interaction", "file": str(matrices)}},
        "admin": f"127.0.0.1:{admin}",
    }

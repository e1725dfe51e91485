"""Where figures go: a JSON file that says on which machine and by which command they were measured."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from proxy.scoring.cpus import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Mapping


def write(path: Path, figures: Mapping[str, object]) -> None:
    """Write figures, machine and command; dataclasses become objects."""
    report = {"machine": machine(), "command": [Path(sys.argv[0]).stem, *sys.argv[1:]], **figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    print(f"\nwritten to {path}")


def machine() -> dict[str, object]:
    """Describe what this runs on."""
    return {
        "cpus": usable_cpus(),
        "cpu": _cpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor()

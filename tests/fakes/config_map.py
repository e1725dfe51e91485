"""A folder into which files are put as the kubelet puts those of a ConfigMap, or of a Secret."""

from __future__ import annotations

import shutil
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ConfigMap:
    """A mounted volume: `policy.yaml` -> `..data/policy.yaml`, `..data` -> `..2026_11_23_01.1234`."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that it is mounted at."""
        self.folder = folder
        self._numbers = count()

    def put(self, files: Mapping[str, bytes]) -> None:
        """Put files in the place of all that were there, at once: kubelet's `AtomicWriter.Write`."""
        data = self.folder / "..data"
        before = data.readlink() if data.is_symlink() else None
        fresh = self.folder / f"..2026_11_23_{next(self._numbers):09}"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        swap = self.folder / "..data_tmp"
        swap.symlink_to(fresh.name)
        swap.rename(data)
        for name in files:
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        if before is not None:
            shutil.rmtree(self.folder / before)

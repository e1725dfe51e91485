"""The control groups of this process: what its container grants it, at the tightest level."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Version 1 writes "no limit" as the largest number of pages there is.
_NO_LIMIT = 2**60


def groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders that may hold a limit: per hierarchy the process's own group, and its ancestors."""
    mount = root / "sys/fs/cgroup"
    for line in read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base = mount
        elif controller in controllers.split(","):
            base = mount / controllers if (mount / controllers).is_dir() else mount / controller
        else:
            continue
        # Inside a container the path may be the host's and not exist here; the mount is then the own group.
        group = PurePosixPath(path.lstrip("/"))
        yield from (base / level for level in (group, *group.parents) if ".." not in level.parts)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Return the bytes that the process's groups may take, the tightest level counting; None: no limit.

    Reads `memory.max` (cgroup v2) or `memory.limit_in_bytes` (v1).
    """
    limits = [
        int(text)
        for folder in groups(root, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := read(folder / name).strip()).isdigit()
    ]
    return min((limit for limit in limits if limit < _NO_LIMIT), default=None)


def read(path: Path) -> str:
    """Return what is in a file; nothing if it can't be read."""
    try:
        return path.read_text()
    except OSError:
        return ""

"""The files that a policy names and that are read once: a change of them is a change of the policy.

Files of keys and certificates for Redis and of `api_key_file` are not among them: they are read anew while a
policy is in use, so what is put into them is taken without a reload. Nor are the files of models: weights at
another path, or of another revision, are another model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.policy import Policy

# What tells one content of a file from the next, by the part of the policy that names the file. A rotated
# Secret is another file under the same path, so its number tells.
Stamp: TypeAlias = "tuple[int, int, int] | None"
Stamps: TypeAlias = "Mapping[str, tuple[Stamp, ...]]"

NO_STAMPS: Stamps = {}


def stamps(policy: Policy) -> Stamps:
    """Look at the files that a policy names; blocks as long as their file systems do."""
    named = {
        f"models.{name}": [
            path
            for key in ("ca_file", "prompt_file")
            if (path := getattr(policy.models[name], key, None)) is not None
        ]
        for name in policy.used_models
    }
    if policy.harm_guard is not None and policy.harm_guard.probes is not None:
        named["harm_guard"] = [policy.harm_guard.probes]
    return {part: tuple(_stamp(Path(path)) for path in paths) for part, paths in named.items() if paths}


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

"""A model that is ready to run, as it lies in the file system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from proxy.scoring.model_files import Head


# In a file of its own, because a model's process opens it, and needs nothing of what prepares one.
@dataclass(frozen=True, slots=True)
class PreparedModel:
    """All that a scorer opens. `identity` changes with anything that could change an output."""

    graph: Path
    tokenizer: Path
    head: Head
    max_tokens: int
    identity: str

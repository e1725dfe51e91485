"""Where things are: results, and research data and models beside the repository, no part of it."""

from __future__ import annotations

from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
DATA = REPO.parent / "shared" / "data"
CROSS_ENCODER = REPO.parent / "shared" / "models" / "ce-minilm-l6"
KEPT = REPO / ".bench"
# A policy's `cache` that keeps no scores: what measures a model asks the same again and again.
NO_CACHE = {"memory_mb": 0}

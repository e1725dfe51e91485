"""Scorers: (query, texts) -> scores. `base` is the seam; `Ranker` is outermost and owns the deadline."""

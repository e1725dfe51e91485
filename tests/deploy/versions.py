"""Which manifest works with which Kubernetes; `python -m tests.deploy.versions` prints the docs' table."""

from __future__ import annotations

from tests.deploy.schemas import VERSIONS, schema_mistakes
from tests.deploy.shipped import SHIPPED, Shipped, documents_of


def mistakes(shipped: Shipped, version: str) -> list[str]:
    """Return what a version's API finds wrong with a manifest."""
    return [one for document in documents_of(shipped) for one in schema_mistakes(document, version)]


def table() -> str:
    """Return the table in Markdown: all that is shipped, and all versions."""
    lines = [f"| deploy/ | {' | '.join(VERSIONS)} |", f"|---|{':-:|' * len(VERSIONS)}"]
    for shipped in SHIPPED:
        cells = [" " if mistakes(shipped, version) else "✓" for version in VERSIONS]
        lines.append(f"| {shipped.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201

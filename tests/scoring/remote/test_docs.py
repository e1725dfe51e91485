from __future__ import annotations

import re
from pathlib import Path

from proxy.scoring.remote.dialects import DIALECTS

PAGE = Path(__file__).parents[3] / "docs" / "remote-rerankers.md"


def test_the_page_says_of_every_dialect_what_the_code_does():
    rows = dict(re.findall(r"^\| `(\w+)` (\|.*)$", PAGE.read_text(), re.MULTILINE))

    assert rows == {
        name: "| {}`{}` | `{}` | {} | {} |".format(
            f"`{dialect.url}` " if dialect.url else "",
            dialect.path,
            "Api-Key" if name == "pinecone" else "Authorization: Bearer",
            dialect.max_batch,
            dialect.scale,
        )
        for name, dialect in DIALECTS.items()
    }

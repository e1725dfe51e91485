"""A folder to tune in, as the tests of the command have it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from proxy.model import Outcome
from proxy.records.recorded import RecordedCandidate, RecordedSearch
from tests.fakes.tiny_bert import WORDS, write_tiny_bert

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    """A folder with judged queries, a tiny model, a policy, and what comes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "judged.jsonl"
        self.policy = folder / "policy.yaml"
        self.out = folder / "chosen.yaml"
        self.journal = folder / "chosen.yaml.journal"
        chance = random.Random(7)
        self.lines = [
            {
                "id": f"q{number}",
                "query": " ".join(chance.choices(WORDS[11:], k=3)),
                "relevant": {f"d{number}-{chance.randrange(8)}": 1},
                "documents": [
                    {
                        "id": f"d{number}-{row}",
                        "text": " ".join(chance.choices(WORDS[11:], k=9)),
                        "score": -row,
                    }
                    for row in range(8)
                ],
            }
            for number in range(30)
        ]
        self.data.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in self.lines))
        tiny = write_tiny_bert(folder / "tiny")
        self.policy.write_text(f"""\
stores:
  - kind: chroma # in front of it
    listen: ${{LISTEN:-127.0.0.1:8001}}
    upstream: http://127.0.0.1:8000
models:
  tiny: {{kind: cross_encoder_onnx, model: {tiny}, max_tokens: 40, threads: 1}}
rules:
  - rerank: [tiny]
    budget_ms: 5000 # plenty
""")

    def arguments(self, *more, source=("--data",)):
        where = (*source, str(self.data)) if len(source) == 1 else source
        grid = ("--depths", "4", "8", "--tokens", "16", "40", "--budgets-ms", "5000", "--queries", "10")
        return ["tune", *where, "--policy", str(self.policy), "--out", str(self.out), *grid, *more]

    def measured(self):
        lines = [orjson.loads(line) for line in self.journal.read_bytes().splitlines()]
        return {line["id"]: [row[:2] for row in line["found"]] for line in lines}


def recorded(line, number, *, texts=True):
    """Return a search as it may have been recorded."""
    documents = line["documents"]
    order = tuple(range(len(documents)))
    return RecordedSearch(
        at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        exchange=f"{number:016x}",
        store="chroma",
        collection="docs",
        shown="reranked",
        query=line["query"] if texts else None,
        query_digest=f"{number:024x}",
        page_start=0,
        page_stop=5,
        candidates=tuple(
            RecordedCandidate(one["id"], one["text"] if texts else None, "0" * 24, one["score"])
            for one in documents
        ),
        order=order,
        ranked=order,
        scores=None,
        scorer=None,
        outcome=Outcome.RERANKED,
        reason=None,
        scored=8,
        added_ms=3.0,
        store_ms=4.0,
    )

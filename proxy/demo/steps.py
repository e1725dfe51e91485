"""The steps of the demo, in order; each says what it did and how long it took."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

import chromadb
import numpy as np
import orjson

from proxy.demo import corpus
from proxy.demo.asking import PAGE, asking
from proxy.demo.kept import kept_corpus, only_one
from proxy.demo.questions import read_questions
from proxy.demo.report import side_by_side, step, summary_table
from proxy.demo.results import summarise
from proxy.demo.servers import chroma, midrank
from proxy.demo.store import fill
from proxy.evaluation.dense import Embedder
from proxy.evaluation.kept_vectors import kept_vectors
from proxy.recovery import BAGGAGE_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.console import Console

    from proxy.demo.asking import Asker, Pair
    from proxy.demo.corpus import Passage
    from proxy.demo.questions import Question

    Vectors = NDArray[np.float32]

# Seconds. After this long the second pass starts, warm or not; its outcomes show which.
WARM_UP_LIMIT = 75.0
# How midrank says that it has read all candidates.
COMPLETE = ("reranked", "cached")


def show(console: Console, root: Path, *, keep: bool) -> None:
    """Read the corpus and the questions, then compare; all that can be used again is kept under `root`.

    Raises:
        NotStarted: a server did not come up.
        InUse: another demo uses the same folder.
        BadConfig: the built-in model is not installed.
    """
    started = time.perf_counter()
    with step(console, "Reading the standard library's documentation") as progress:
        passages = kept_corpus(root)
        documents = {passage.document for passage in passages}
        progress.note(f"{len(passages)} passages about {len(documents)} functions, classes and methods")
    judged = read_questions()
    questions = [question.known_to(documents) for question in judged]
    console.print(
        f"{len(questions)} questions, {sum(len(question.relevant) for question in questions)} of "
        f"{sum(len(question.relevant) for question in judged)} judged answers are documented in this Python"
    )
    with only_one(root):
        compare(console, root, passages, questions, keep=keep, started=started)


def compare(
    console: Console,
    root: Path,
    passages: Sequence[Passage],
    questions: Sequence[Question],
    *,
    keep: bool,
    started: float,
) -> None:
    """Fill a store, put midrank in front, ask everything twice, print it all; `keep` then waits for Ctrl-C.

    `started` is what `time.perf_counter` said when the user began to wait.

    Raises:
        NotStarted: a server did not come up.
        BadConfig: the built-in model is not installed.
    """
    with step(console, "Embedding them with all-MiniLM-L6-v2 (int8)", len(passages)) as progress:
        model = Embedder()
        # What is kept below was made from these three.
        folder = root / f"{corpus.digest(passages)}-{model.identity}-chroma{chromadb.__version__}"
        texts = [passage.text for passage in passages]
        vectors = kept_vectors(folder, texts, model, progress.advance)
        asked = kept_vectors(folder, [question.text for question in questions], model)
    with ExitStack() as servers:
        with step(console, "Starting Chroma and filling it", len(passages)) as progress:
            store_url = servers.enter_context(chroma(folder))
            fill(store_url, passages, vectors, progress.advance)
            progress.note(store_url)
        with step(console, "Starting midrank in front of it") as progress:
            midrank_url = servers.enter_context(midrank(store_url, folder))
            progress.note(midrank_url)
        with asking(store_url, midrank_url) as asker:
            _ask_twice(console, asker, questions, asked)
            curl = _curl(folder, asker, (store_url, midrank_url), questions[0], asked[0])
        console.print(f"\nTook {time.perf_counter() - started:.0f} s. Kept for the next run: {root}")
        if keep:
            console.print("\nBoth servers stay up until Ctrl-C. The first question, directly and reranked:\n")
            console.print(curl, soft_wrap=True, markup=False)
            signal.pause()


def _ask_twice(console: Console, asker: Asker, questions: Sequence[Question], asked: Vectors) -> None:
    """Ask all questions as midrank is, then again once it has read the passages that come up."""
    first = _ask_all(console, "Asking every question directly and through midrank", asker, questions, asked)
    _warm_up(console, asker, first, questions, asked)
    second = _ask_all(console, "Asking everything again", asker, questions, asked)
    console.print(side_by_side(questions, second))
    known = all(pair.reranked.outcome in COMPLETE for pair in first)
    state = "midrank remembers an earlier run" if known else "midrank has yet to read the passages"
    _ask_again(console, asker, questions, asked)
    summaries = [summarise(questions, pairs) for pairs in (first, second)]
    console.print(summary_table(f"First pass: {state}", summaries[0]))
    console.print(summary_table("Second pass: what comes up has been read", summaries[1]))
    console.print(f"\nFirst pass.  {summaries[0].verdict}\nSecond pass. {summaries[1].verdict}", style="bold")


def _ask_all(
    console: Console, title: str, asker: Asker, questions: Sequence[Question], asked: Vectors
) -> list[Pair]:
    pairs = []
    with step(console, title, len(questions)) as progress:
        for question, vector in zip(questions, asked, strict=True):
            pairs.append(asker.ask(question.text, vector))
            progress.advance(1)
    return pairs


def _warm_up(
    console: Console, asker: Asker, first: Sequence[Pair], questions: Sequence[Question], asked: Vectors
) -> None:
    """Ask on, as users would, until midrank has read every passage that comes up."""
    rest = [place for place, pair in enumerate(first) if pair.reranked.outcome not in COMPLETE]
    if not rest:
        return
    with step(console, "Letting midrank read what it had no time for", len(rest)) as progress:
        give_up = time.perf_counter() + WARM_UP_LIMIT
        while rest and time.perf_counter() < give_up:
            place = rest.pop(0)
            if asker.ask_midrank(questions[place].text, asked[place]).outcome in COMPLETE:
                progress.advance(1)
            else:
                rest.append(place)


def _ask_again(console: Console, asker: Asker, questions: Sequence[Question], asked: Vectors) -> None:
    """Ask twice, word for word, with the cache on: the second time no model is needed."""
    with step(console, "Asking everything twice more with the cache on", 2 * len(questions)) as progress:
        for _ in range(2):
            answers = []
            for question, vector in zip(questions, asked, strict=True):
                answers.append(asker.ask_again(question.text, vector))
                progress.advance(1)
        cached = sum(answer.outcome == "cached" for answer in answers)
        milliseconds = 1000 * float(np.quantile([answer.seconds for answer in answers], 0.5))
        progress.note(
            f"{cached} of {len(answers)} without a model, {milliseconds:.1f} ms for all of a search"
        )


def _curl(folder: Path, asker: Asker, urls: Sequence[str], question: Question, vector: Vectors) -> str:
    """Write commands that ask one question directly and through midrank."""
    body = folder / "question.json"
    body.write_bytes(orjson.dumps({"query_embeddings": [vector.tolist()], "n_results": PAGE, "include": []}))
    path = (
        f"/api/v2/tenants/default_tenant/databases/default_database/collections/{asker.collection_id}/query"
    )
    return "\n\n".join(
        f"curl -si {url}{path} \\\n  -H 'content-type: application/json' \\\n"
        f"  -H 'baggage: {BAGGAGE_KEY}={quote(question.text)}' \\\n  -d @{body}"
        for url in urls
    )

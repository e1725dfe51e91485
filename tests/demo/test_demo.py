"""The whole demo on a slice of its corpus: real Chroma, real midrank, real model, unmodified client."""

from io import StringIO
from time import perf_counter

import pytest

pytest.importorskip("chromadb", reason="the demo needs chromadb: pip install 'midrank[demo]'")

from rich.console import Console

from proxy.demo.corpus import Passage
from proxy.demo.questions import Question
from proxy.demo.steps import compare

pytestmark = [pytest.mark.store, pytest.mark.model, pytest.mark.timeout(180)]

PASSAGES = [
    ("shutil.copytree", "shutil.copytree(src, dst)\nRecursively copy a directory tree."),
    ("shutil.disk_usage", "shutil.disk_usage(path)\nReturn disk usage statistics about the given path."),
    ("math.comb", "math.comb(n, k)\nNumber of ways to choose k items from n items without order."),
    *((f"some.name{number}", f"some.name{number}()\nReturn the number {number}.") for number in range(30)),
]
QUESTIONS = [
    Question("q1", "Duplicate a folder", {"shutil.copytree": 3}),
    Question("q2", "How much room is left on my drive? 100 % sure; a+b", {"shutil.disk_usage": 3}),
]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    passages = [Passage(name, name, text) for name, text in PASSAGES]
    outputs = []
    for _run in ("from nothing", "repeated"):
        output = StringIO()
        console = Console(file=output, width=110, highlight=False)
        compare(console, root, passages, QUESTIONS, keep=False, started=perf_counter())
        outputs.append(output.getvalue())
    return outputs


def test_every_question_is_shown_with_its_answers(printed):
    for output in printed:
        assert "q1 Duplicate a folder  NDCG@5" in output
        assert "1 +++ shutil.copytree" in output
        assert "1 +++ shutil.disk_usage" in output


def test_the_questions_text_travels_in_baggage(printed):
    """Without it midrank could not rerank: its word would be `passed: no_query_text`."""
    for output in printed:
        assert "answered reranked" in output
        assert "passed" not in output


def test_a_repeated_run_finds_what_the_first_has_prepared(printed):
    assert "midrank remembers an earlier run" in printed[1]


def test_the_verdict_is_given_for_both_passes(printed):
    for output in printed:
        assert "First pass." in output
        assert "Second pass." in output

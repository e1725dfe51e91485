"""A pass over the questions is added up correctly, and the verdict does not flatter."""

import pytest
from rich.console import Console

from proxy.demo.questions import Question
from proxy.demo.report import side_by_side, summary_table
from proxy.demo.results import summarise

asking = pytest.importorskip("proxy.demo.asking", reason="needs pip install 'midrank[demo]'")

QUESTION = Question("q1", "How?", {"a": 3})


def pair(before, after, *, direct=0.010, reranked=0.030, outcome="reranked"):
    return asking.Pair(
        asking.Answer(tuple(before), direct, ""), asking.Answer(tuple(after), reranked, outcome)
    )


def text_of(renderable):
    console = Console(width=110, highlight=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_gains_times_and_outcomes_are_added_up():
    pairs = [pair("xa", "ax"), pair("ax", "xa", reranked=0.050, outcome="partial: late"), pair("ax", "ax")]
    summary = summarise([QUESTION] * 3, pairs)
    assert summary.ndcg5[0] == pytest.approx(summary.ndcg5[1])
    assert (summary.improved, summary.hurt) == pytest.approx((1 / 3, 1 / 3))
    assert summary.added_p50 == pytest.approx(0.020)
    assert summary.outcomes == (("reranked", 2), ("partial: late", 1))


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ([pair("xa", "xa")] * 20, "Probably not worth"),
        ([pair("ax", "xa")] * 20, "Probably not worth"),
        ([pair("xa", "ax"), pair("ax", "xa")] * 5 + [pair("xa", "ax")] * 2, "too few questions to be sure"),
        ([pair("xa", "ax")] * 20, "Worth a reranker"),
    ],
)
def test_the_verdict_is_honest(pairs, verdict):
    assert verdict in summarise([QUESTION] * len(pairs), pairs).verdict


def test_side_by_side_says_what_moved():
    text = text_of(side_by_side([QUESTION], [pair("xyza", "awxy")]))
    assert "q1 How?  NDCG@5 0.43 -> 1.00" in text
    assert "1 +++ a  (was 4)" in text
    assert "2     w  (was below 4)" in text


def test_the_summary_shows_every_outcome():
    pairs = [pair("ax", "ax"), pair("ax", "ax", outcome="fallback: late")]
    text = text_of(summary_table("First pass", summarise([QUESTION] * 2, pairs)))
    assert "answered reranked" in text
    assert "answered fallback: late" in text

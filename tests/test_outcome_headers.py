"""What an answer says about itself, and that nothing in a policy can break a header."""

from __future__ import annotations

import pytest

from proxy.model import Attempt, Outcome, Reason, Verdict, worst
from proxy.outcome_headers import outcome_headers


def attempts(*of):
    return dict(outcome_headers(Verdict(Outcome.RERANKED, attempts=of))).get("x-midrank-attempts")


def test_each_model_that_was_considered_is_told_with_its_reason():
    tried = attempts(Attempt("jina", Reason.RATE_LIMITED), Attempt("local"))

    assert tried == "jina;rate_limited, local"


def test_one_model_that_did_its_work_is_nothing_to_tell():
    assert attempts(Attempt("local")) is None
    assert attempts() is None


def test_one_model_that_failed_is():
    assert attempts(Attempt("local", Reason.LATE)) == "local;late"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("qwen3:0.6b/int8", "qwen3:0.6b/int8"),
        ("7b", '"7b"'),
        ("", '""'),
        ("two words", '"two words"'),
        ("a, b;c", '"a, b;c"'),
        ('say "x" \\', '"say \\"x\\" \\\\"'),
        ("gr\u00f6\u00dfe\r\nset-cookie: a", '"gr??e??set-cookie: a"'),
    ],
)
def test_names_are_tokens_or_strings_of_structured_fields(name, shown):
    """RFC 9651: what can't be a bare token is quoted, and what can't be quoted is replaced."""
    assert attempts(Attempt(name, Reason.LATE)) == f"{shown};late"


def test_a_call_tells_what_differs_between_its_searches_once():
    failed, scored = Attempt("jina", Reason.REMOTE_ERROR), Attempt("local")
    verdicts = (
        Verdict(Outcome.RERANKED, attempts=(failed, scored)),
        Verdict(Outcome.RERANKED, attempts=(failed, scored)),
        Verdict(Outcome.FALLBACK, Reason.LATE, attempts=(failed, Attempt("local", Reason.LATE))),
    )
    call = worst(verdicts)

    assert len(call.attempts) == 6, "each is counted"
    assert call.chain == (failed, scored, Attempt("local", Reason.LATE))

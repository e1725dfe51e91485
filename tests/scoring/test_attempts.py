"""What was tried for a job, in the order in which it was heard of."""

from __future__ import annotations

from dataclasses import replace

from proxy.model import Attempt, Reason
from proxy.scoring.attempts import Attempts
from proxy.scoring.base import ScoreJob


def test_a_model_that_is_asked_is_late_until_it_answers():
    attempts = Attempts()
    attempts.asked("a")
    assert list(attempts) == [Attempt("a", Reason.LATE)]

    attempts.scored("a")
    assert list(attempts) == [Attempt("a")]


def test_the_one_that_was_heard_of_last_stands_last():
    attempts = Attempts()
    attempts.failed("a", Reason.OVERLOADED)
    attempts.failed("b", Reason.REMOTE_ERROR)
    attempts.asked("a")
    attempts.scored("a")

    assert list(attempts) == [Attempt("b", Reason.REMOTE_ERROR), Attempt("a")]


def test_what_was_tried_elsewhere_is_added():
    one, other = Attempts(), Attempts()
    one.failed("a", Reason.LATE)
    other.failed("b", Reason.WARMING)
    other.scored("a")
    one.add(other)

    assert list(one) == [Attempt("b", Reason.WARMING), Attempt("a")]


def test_parts_of_a_job_share_its_attempts():
    job = ScoreJob("q", ("a",), 0.0)

    assert replace(job, texts=()).attempts is job.attempts
    assert ScoreJob("q", ("a",), 0.0).attempts is not job.attempts

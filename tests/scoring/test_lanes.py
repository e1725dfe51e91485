"""Which items are computed next, in plain code without threads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.lanes import Job, Lane


class Done:
    """What a job needs of a future."""

    def __init__(self) -> None:
        self.result = None

    def done(self) -> bool:
        return self.result is not None

    def set_result(self, result) -> None:
        self.result = result or ()


def job(sizes, *, deadline=10.0, **more):
    return Job(list(sizes), list(sizes), [1.0] * len(sizes), deadline, Done(), **more)


def lane(*jobs) -> Lane:
    made = Lane(1000)
    for one in jobs:
        made.push(one)
    return made


def drained(some: Lane, size: int, *, now=0.0, served=None) -> list[tuple]:
    """Take batches until there are none; each as its (job, place) pairs."""
    batches = []
    while (batch := some.next_batch(now, size, served=served)) is not None:
        batches.append(tuple((part.job, part.place) for part in batch.parts))
    return batches


@given(st.lists(st.lists(st.integers(0, 500), min_size=1, max_size=40), max_size=6), st.integers(1, 8))
def test_every_item_is_in_just_one_batch(jobs, size):
    made = [job(sizes, deadline=10 + number) for number, sizes in enumerate(jobs)]
    batches = drained(lane(*made), size)
    assert all(1 <= len(batch) <= size for batch in batches)
    taken = [part for batch in batches for part in batch]
    assert len(taken) == len(set(taken)) == sum(map(len, jobs))


@given(st.lists(st.integers(0, 500), min_size=1, max_size=100), st.integers(1, 8))
def test_batches_stay_near_the_top_of_the_list(sizes, size):
    """So that what is scored at a deadline is the top, give or take a window."""
    seen = 0
    for batch in drained(lane(job(sizes)), size):
        assert max(place for _, place in batch) < seen + 4 * size
        seen += len(batch)


@given(st.lists(st.lists(st.integers(1, 500), min_size=1, max_size=9), min_size=1, max_size=6))
def test_each_batch_begins_with_the_job_that_is_due_first(jobs):
    made = [job(sizes, deadline=100 - number) for number, sizes in enumerate(jobs)]
    waiting = lane(*made)
    while True:
        due = min((one for one in made if one.pending), key=lambda one: one.deadline, default=None)
        batch = waiting.next_batch(0.0, 4)
        if due is None:
            assert batch is None
            return
        assert batch.parts[0].job is due


def test_a_batch_holds_what_is_most_like_its_first_item():
    (first, *_) = drained(lane(job([9, 1, 8, 2, 7, 3, 6, 4])), 2)
    assert [place for _, place in first] == [0, 2]


def test_a_batch_holds_no_more_than_is_done_before_its_first_items_deadline():
    """It would come to nothing as a whole; each item takes a second here."""
    waiting = lane(job([5] * 8, deadline=3.5), job([5] * 8, deadline=100.0))
    sizes = [len(waiting.next_batch(now, 4).parts) for now in (0.0, 2.0, 3.0)]
    assert sizes == [3, 1, 4]
    assert len(waiting.next_batch(3.5, 4).parts) == 4


def test_a_batch_is_filled_up_from_other_jobs():
    early, late = job([5], deadline=10), job([100, 6, 5], deadline=20)
    (first, *_) = drained(lane(late, early), 3)
    assert first == ((early, 0), (late, 2), (late, 1))


def test_single_items_keep_the_order_of_the_list():
    assert [batch[0][1] for batch in drained(lane(job([9, 1, 5])), 1)] == [0, 1, 2]


def test_what_is_past_its_deadline_or_given_up_is_not_taken():
    late, given_up, live = job([1], deadline=1), job([2], deadline=9), job([3], deadline=9)
    given_up.done.set_result(None)
    assert drained(lane(late, given_up, live), 4, now=2.0) == [((live, 0),)]


def test_by_turns_the_tenant_that_had_least_goes_first():
    loud, quiet = job([1], deadline=1, tenant="loud"), job([2], deadline=9, tenant="quiet")
    waiting = lane(loud, quiet)
    assert waiting.next_batch(0.0, 1, served={"loud": 5.0, "quiet": 1.0}).parts[0].job is quiet


def test_a_job_that_is_put_back_is_computed_in_calls_of_its_own():
    first, other = job([1, 1, 1]), job([1, 1], deadline=11)
    waiting = lane(first, other)
    batch = waiting.next_batch(0.0, 2)
    for part in reversed(batch.parts):
        part.job.put_back(part.place)
        part.lane.push(part.job)
    assert first.work == pytest.approx(3.0)
    assert drained(waiting, 2) == [
        ((first, 0),),
        ((first, 1),),
        ((first, 2),),
        ((other, 0), (other, 1)),
    ]


def test_only_work_that_is_due_earlier_goes_before_a_job_and_of_that_the_least_depth():
    waiting = lane(job([1] * 9, deadline=5, at_least=2), job([1, 1, 1], deadline=20))
    assert waiting.least_before(10, "", 1.0, fair=False) == 2.0
    waiting.next_batch(0.0, 1)
    assert waiting.least_before(10, "", 1.0, fair=False) == 1.0


def test_when_not_all_is_in_time_all_are_brought_to_the_same_depth():
    first, second = job([1] * 4, deadline=5, at_least=2), job([1] * 3, deadline=6, at_least=2)
    waiting = lane(first, second)
    taken = []
    while (batch := waiting.next_batch(0.0, 1, evenly=True)) is not None:
        taken.append(batch.parts[0].job is first)
    assert taken == [True, True, False, False, True, True, False]


@pytest.mark.parametrize(
    ("now", "threads", "extra", "in_time"),
    [(0, 1, (10, 2.0), True), (0, 1, (10, 8.0), False), (2, 1, (10, 2.0), False), (2, 2, (10, 2.0), True)],
)
def test_all_is_in_time_if_it_is_so_by_deadlines(now, threads, extra, in_time):
    waiting = lane(job([1] * 3, deadline=4), job([1] * 5, deadline=20))
    assert waiting.in_time(now, threads, *extra) is in_time


def test_by_turns_another_tenant_goes_before_a_job_with_no_more_than_the_job_itself():
    loud = job([1] * 50, deadline=5, tenant="loud", at_least=50)
    waiting = lane(loud, job([1], deadline=5, tenant="quiet"))
    assert waiting.least_before(10, "quiet", 2.0, fair=True) == 1.0 + 3.0


def test_taking_and_dropping_leave_no_work_behind():
    one = job([1, 2, 3])
    waiting = lane(one)
    waiting.next_batch(0.0, 1)
    assert (one.work, waiting.waiting) == (2.0, 2)
    waiting.drop(one)
    assert (one.work, waiting.waiting, waiting.least_before(99, "", 1.0, fair=False)) == (0.0, 0, 0)

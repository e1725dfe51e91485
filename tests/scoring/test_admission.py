"""How deep a job is begun, with a clock of its own: every decision is taken from predicted seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.admission import Admission, Queue, affordable

SPAN = 0.15
QUIET = Queue(empty=True, least_before=0.0, all_in_time=True)
TOO_MUCH = Queue(empty=False, least_before=0.02, all_in_time=False)


class Case:
    """An admission for two threads, whose load can be set."""

    def __init__(self, load: float = 0.0, tenant: str = "a") -> None:
        self.now = 0.0
        self.admission = Admission(2, lambda: self.now)
        while self.admission.load < load:
            self.admission.depth([0.01] * 10, SPAN, tenant, 5, QUIET)
            self.now += 0.001

    def depth(self, count=30, cost=0.005, *, at_least=5, tenant="a", queue=TOO_MUCH, span=SPAN) -> int:
        return self.admission.depth([cost] * count, span, tenant, at_least, queue)


def test_with_time_for_all_every_job_is_begun_in_full():
    assert Case(load=1.0).depth(queue=QUIET._replace(empty=False)) == 30


def test_where_nothing_waits_a_job_is_begun_in_full_whatever_is_predicted():
    assert Case().depth(cost=10.0, queue=QUIET._replace(all_in_time=False)) == 30


def test_a_job_that_can_not_make_its_least_depth_is_refused():
    assert Case().depth(queue=TOO_MUCH._replace(least_before=0.28)) == 0
    assert Case().depth(queue=TOO_MUCH._replace(least_before=0.26)) == 30


def test_a_job_whose_first_text_takes_longer_than_there_is_time_is_refused():
    """More threads do not make one text faster."""
    assert Case().depth(count=1, cost=0.16, at_least=1) == 0


def test_the_least_depth_is_never_more_than_there_is():
    assert Case().depth(count=3, at_least=50) == 3


@pytest.mark.parametrize("load", [2.0, 3.0, 4.0])
def test_under_load_a_job_is_cut_to_its_share(load):
    assert Case(load).depth(at_least=1) == pytest.approx(30 * 0.9 / load, abs=2)


def test_under_load_even_an_empty_queue_gives_no_more_than_the_share():
    """Else whoever finds it empty would take the time of all who come in the meantime."""
    queue = Queue(empty=True, least_before=0.01, all_in_time=True)
    assert Case(4.0).depth(at_least=1, queue=queue) < 10


def test_where_not_all_get_the_least_depth_some_get_it_and_others_nothing():
    case = Case(20.0)
    depths = []
    for _ in range(100):
        case.now += 0.005
        depths.append(case.depth())
    assert set(depths) == {0, 5}
    assert 10 < depths.count(5) < 60


def test_threads_that_have_nothing_to_do_are_given_to_whoever_comes():
    """A cost that was learnt a thousand times too high would else keep them idle for ever."""
    idle = Queue(empty=True, least_before=0.0, all_in_time=False)
    assert Case(20.0).depth(cost=5.0, queue=idle) == 5


def test_one_who_asks_for_little_is_not_cut_beside_one_who_asks_for_much():
    assert Case(load=10.0, tenant="loud").depth(tenant="quiet") == 30


def test_tenants_take_turns_only_while_there_is_too_much_to_do():
    assert Case(0.5).admission.served is None
    assert Case(1.5).admission.served is not None


def test_the_usual_cost_follows_what_is_asked_for():
    case = Case()
    for _ in range(100):
        case.depth(cost=0.02, queue=QUIET)
    assert case.admission.usual_cost == pytest.approx(0.02, rel=0.01)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=60),
    st.floats(0.001, 60),
    st.integers(1, 60),
    st.builds(Queue, st.booleans(), st.floats(0, 100), st.booleans()),
    st.floats(0, 12),
)
def test_whatever_is_asked_a_job_is_begun_to_its_least_depth_or_not_at_all(
    costs, span, at_least, queue, load
):
    admission = Case(load).admission
    for _ in range(3):
        depth = admission.depth(costs, span, "a", at_least, queue)
        assert depth == 0 or min(at_least, len(costs)) <= depth <= len(costs)


def test_what_is_affordable_is_counted_from_the_first_on():
    assert affordable([1.0, 2.0, 3.0], 3.0) == 2
    assert affordable([1.0, 2.0, 3.0], -1.0) == 0

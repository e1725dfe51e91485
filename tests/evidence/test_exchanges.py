"""What was shown is remembered: what is needed of it, for as long as is wanted, in bounded memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.exchanges import MAX_PER_TRACE, MAX_SEARCHES, Exchanges
from proxy.evidence.experiments import Arm
from tests.fakes.clocks import Clock
from tests.fakes.observations import observation

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def memory():
    clock, forgotten = Clock(), []

    def make(**bounds):
        return Exchanges(
            **{"most": 100, "seconds": 60, **bounds},
            clock=clock,
            forgotten=lambda exchange, early: forgotten.append((exchange.id, early)),
        )

    return SimpleNamespace(make=make, clock=clock, forgotten=forgotten)


def name(number):
    return f"{number:016x}"


def arm(side="control"):
    return Arm(side, 7, 0.5)


def test_searches_of_one_call_are_one_exchange_and_apart_in_it(memory):
    exchanges = memory.make()
    exchanges.tell(observation([1, 0], limit=2))
    exchanges.tell(observation([2, 1, 0], limit=2))

    (exchange,) = exchanges.find(exchange="00000000000000e1")

    assert [len(search.rows) for search in exchange.searches] == [2, 2]
    assert memory.forgotten == []


def test_of_a_very_large_batch_the_first_searches_are_remembered(memory):
    exchanges = memory.make()
    for _ in range(MAX_SEARCHES + 5):
        exchanges.tell(observation())

    assert len(exchanges.find(exchange="00000000000000e1")[0].searches) == MAX_SEARCHES


@pytest.mark.parametrize("late", [False, True])
def test_of_an_ab_both_sides_are_remembered_alike(memory, late):
    """Of a side that is ranked the rows may be told of before or after."""
    exchanges = memory.make()
    for number, side in enumerate(("control", "treatment")):
        if late and number:
            exchanges.tell(observation(exchange=name(number), trace=TRACE))
        exchanges.tell_arm(name(number), TRACE, "chroma", "docs", arm(side))
    exchanges.tell(observation(exchange=name(1), trace=TRACE))

    control, treatment = exchanges.find(trace=TRACE)

    assert (control.arm, treatment.arm) == (arm(), arm("treatment"))
    assert control.size == treatment.size
    assert control.searches == treatment.searches == []
    assert exchanges.figures()["remembered_bytes"] == control.size + treatment.size


def test_an_exchange_can_be_discarded_without_a_word(memory):
    exchanges = memory.make()
    exchanges.tell(observation(exchange=name(1), trace=TRACE))
    for _ in range(2):
        exchanges.discard(name(1))

    assert exchanges.find(trace=TRACE) == memory.forgotten == []
    assert exchanges.figures() == {"remembered": 0, "remembered_bytes": 0, "forgotten_early": 0}


def test_exchanges_are_found_by_their_trace_too(memory):
    exchanges = memory.make()
    for number in range(3):
        exchanges.tell(observation(exchange=name(number), trace=TRACE if number < 2 else ""))

    assert [one.id for one in exchanges.find(trace=TRACE)] == [name(0), name(1)]
    assert exchanges.find(trace="") == exchanges.find(trace="f" * 32) == []


def test_of_a_trace_without_end_the_last_ones_are_found(memory):
    exchanges = memory.make(most=1000)
    for number in range(MAX_PER_TRACE + 5):
        exchanges.tell(observation(exchange=name(number), trace=TRACE))

    assert [one.id for one in exchanges.find(trace=TRACE)] == [name(5 + n) for n in range(MAX_PER_TRACE)]
    exchanges.forget_all()
    assert exchanges.find(trace=TRACE) == []


def test_an_exchange_without_a_name_is_not_remembered(memory):
    exchanges = memory.make()
    exchanges.tell(observation(exchange=""))

    assert exchanges.figures()["remembered"] == 0


def test_they_expire_and_whoever_wants_to_know_is_told(memory):
    exchanges = memory.make()
    exchanges.tell(observation(exchange=name(1), trace=TRACE))
    memory.clock.now += 60

    assert exchanges.find(exchange=name(1)) == exchanges.find(trace=TRACE) == []

    exchanges.tell(observation(exchange=name(2)))
    assert memory.forgotten == [(name(1), False)]
    assert exchanges.figures()["remembered"] == 1
    assert exchanges.figures()["forgotten_early"] == 0


def test_many_that_expire_at_once_go_little_by_little(memory):
    exchanges = memory.make()
    for number in range(50):
        exchanges.tell(observation(exchange=name(number)))
    memory.clock.now += 60
    for number in range(50, 60):
        exchanges.tell(observation(exchange=name(number)))

    assert exchanges.figures()["remembered"] == 10


def test_they_go_when_their_time_is_over_whether_others_come_or_not(memory):
    exchanges = memory.make()
    for number in range(5):
        exchanges.tell(observation(exchange=name(number)))
    memory.clock.now += 60
    exchanges.expire(3)

    assert memory.forgotten == [(name(0), False), (name(1), False), (name(2), False)]


def test_the_oldest_make_room_for_more(memory):
    exchanges = memory.make(most=2)
    for number in range(5):
        exchanges.tell(observation(exchange=name(number)))

    assert memory.forgotten == [(name(0), True), (name(1), True), (name(2), True)]
    assert exchanges.figures()["forgotten_early"] == 3


def test_at_the_end_all_are_forgotten_some_of_them_early(memory):
    exchanges = memory.make()
    for number in range(2):
        exchanges.tell(observation(exchange=name(number)))
        memory.clock.now += 40
    exchanges.forget_all()

    assert memory.forgotten == [(name(0), False), (name(1), True)]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3), st.booleans()), max_size=40))
def test_bytes_are_bounded_and_counted_right(steps):
    bounds = {"most": 1000, "seconds": 60, "max_bytes": 20_000}
    exchanges = Exchanges(**bounds, clock=Clock(), forgotten=lambda *_: None)
    for number, (total, same, sided) in enumerate(steps):
        exchange = name(number - min(same, number))
        if sided:
            exchanges.tell_arm(exchange, TRACE, "chroma", "docs", arm())
        else:
            exchanges.tell(observation(range(total), limit=total, exchange=exchange, trace=TRACE))

        held = [one for n in range(number + 1) for one in exchanges.find(exchange=name(n))]
        told = exchanges.figures()
        assert told["remembered_bytes"] == sum(one.size for one in held)
        assert told["remembered_bytes"] <= 20_000 or len(held) == 1
        assert told["remembered"] == len(held)
        assert {one.id for one in exchanges.find(trace=TRACE)} <= {one.id for one in held}


def test_neither_ids_nor_queries_are_kept(memory):
    exchanges = memory.make()
    exchanges.tell(observation(query="my secret query"))

    told = repr(exchanges.find(exchange="00000000000000e1"))
    assert "secret" not in told
    assert "d0" not in told

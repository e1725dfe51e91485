"""Work in other threads, and waits that people can end."""

from __future__ import annotations

import _thread
import signal
from concurrent.futures import Future
from threading import Event, Thread, Timer

import pytest

from proxy.offline.beside import beside, outcome_of, until_any


def test_what_comes_of_work_is_returned_or_raised():
    assert outcome_of(beside(lambda: 7, "seven")) == 7
    with pytest.raises(ZeroDivisionError):
        outcome_of(beside(lambda: 1 // 0, "zero"))


def test_one_of_many_is_enough():
    never, gate = Future(), Event()
    work = beside(gate.wait, "gate")
    Thread(target=gate.set).start()
    until_any(never, work)

    assert work.done()
    assert not never.done()


@pytest.fixture
def interruptible():
    """Have SIGINT do what it does in a process of its own, whatever other tests have made of it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_that_wakes_nobody_is_noticed():
    """As one that comes between the last look for signals and the wait."""
    Timer(0.1, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        outcome_of(Future())

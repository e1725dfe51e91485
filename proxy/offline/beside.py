"""Work that may block for long, in threads of its own, and waits that end when people want them to."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# A signal that comes at the very moment at which a wait begins does not end it: its handler runs when the
# interpreter has its turn again. So many seconds later it has.
_LOOK_UP = 0.5


def beside(work: Callable[[], T], name: str) -> Future[T]:
    """Begin work in a thread that nobody has to wait for: it does not outlive the process."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is for who waits for us
            future.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return future


def until_any(*futures: Future[Any]) -> None:
    """Wait until one of these is done."""
    while not wait(futures, _LOOK_UP, FIRST_COMPLETED).done:
        pass


def outcome_of(future: Future[T]) -> T:
    """Wait for what comes of it, and return or raise that."""
    until_any(future)
    return future.result()

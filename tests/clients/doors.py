"""Ways to one store: direct, and through midrank with three rules.

Every client test makes the same calls through these doors. Behind `off` midrank is switched off; behind
`unmoved` every text scores the same, so that all the work is done and the store's order stands: answers must
be equal to the direct ones. Behind `reversing` they must be the store's own first `WINDOW` hits, last one
first, cut to the page that was asked for: an exact prediction, which covers order, page size, fields, and
each score with its own hit.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from proxy.policy import Policy
from tests.fakes.odd_scorers import FormulaScorer, Reversing
from tests.fakes.running import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.servers import Address

WINDOW = 20


class Doors(NamedTuple):
    """Addresses of one store."""

    direct: Address
    off: Address
    unmoved: Address
    reversing: Address


@contextmanager
def open_doors(kind: str, store: Address, **options: bool) -> Iterator[Doors]:
    """Run midrank in front of `store`; `options` are keys of its policy's store, such as `batch`."""
    names = ("off", "unmoved", "reversing")
    window = {"candidates": {"min": WINDOW, "max": WINDOW}, "budget_ms": 5000}
    policy = Policy.model_validate(
        {
            "stores": [
                {"kind": kind, "name": name, "listen": "127.0.0.1:0", "upstream": store.url, **options}
                for name in names
            ],
            "models": {name: {"kind": "late_interaction"} for name in names},
            "rules": [
                {"match": {"store": "off"}, "mode": "off"},
                {"match": {"store": "unmoved"}, "rerank": ["unmoved"], **window},
                {"match": {"store": "reversing"}, "rerank": ["reversing"], **window},
            ],
        }
    )
    with running(policy, {"unmoved": FormulaScorer(), "reversing": Reversing()}) as addresses:
        yield Doors(store, **addresses)


def single_door(kind: str, store: Address, *, timeout_s: float = 300, **rule: Any) -> Policy:
    """Give the policy of one store with one rule and the model `default`."""
    one = {
        "kind": kind,
        "name": "door",
        "listen": "127.0.0.1:0",
        "upstream": store.url,
        "timeout_s": timeout_s,
    }
    return Policy.model_validate({"stores": [one], "rules": [rule]})


def outcome(call: Callable[[], object]) -> object:
    """Give what a call returns, or the class and words of what it raises."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - whatever a client makes of an answer is compared
        return type(error), str(error)

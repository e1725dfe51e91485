"""Lessons from refusals are remembered, and forgotten."""

from __future__ import annotations

from proxy.caution import AVOID_TTL, LIMIT_TTL, MAX_COLLECTIONS, Caution


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_nothing_is_known_at_first():
    assert Caution(Clock()).row_limit("docs") is None


def test_a_named_limit_is_kept_and_tried_again_later():
    clock = Clock()
    caution = Caution(clock)
    caution.learn("docs", 30)

    assert caution.row_limit("docs") == 30
    assert caution.row_limit("other") is None
    clock.now = LIMIT_TTL
    assert caution.row_limit("docs") is None


def test_after_a_refusal_without_a_limit_a_collection_is_left_alone_for_a_while():
    clock = Clock()
    caution = Caution(clock)
    caution.learn("docs", None)

    assert caution.row_limit("docs") == 0
    clock.now = AVOID_TTL
    assert caution.row_limit("docs") is None


def test_memory_is_bounded():
    caution = Caution(Clock())
    for number in range(MAX_COLLECTIONS + 1):
        caution.learn(str(number), 1)

    assert caution.row_limit("0") is None
    assert caution.row_limit(str(MAX_COLLECTIONS)) == 1

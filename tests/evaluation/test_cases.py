from dataclasses import replace

from proxy.evaluation.cases import CASES, LONGEST_TEXT, TOP, biggest
from tests.fakes.evaluations import fabricated, questions


def answered(arm, **answers):
    """Return the arm with other answers for some queries: ids, and the NDCG@5 that they have."""
    asked = [
        one._replace(ids=answers[one.query][0], ndcg5=answers[one.query][1]) if one.query in answers else one
        for one in arm.asked
    ]
    return replace(arm, asked=tuple(asked))


def test_the_greatest_wins_come_first():
    evaluation = fabricated()
    wins = biggest(evaluation.policies[0], evaluation.store, questions())
    changes = [
        after.ndcg5 - before.ndcg5
        for before, after in zip(evaluation.store.asked, evaluation.policies[0].asked, strict=True)
    ]

    assert [case.change for case in wins] == sorted(changes, reverse=True)[:CASES]


def test_the_greatest_harms_are_those_of_the_other_way_round():
    evaluation = fabricated()
    policy, store = evaluation.policies[0], evaluation.store

    harms = biggest(policy, store, questions(), harms=True)

    assert [case.id for case in harms] == [case.id for case in biggest(store, policy, questions())]
    assert all(case.change < 0 for case in harms)


def test_where_nothing_changed_there_is_nothing_to_show():
    evaluation = fabricated()

    assert biggest(evaluation.store, evaluation.store, questions()) == ()
    assert biggest(evaluation.store, evaluation.store, questions(), harms=True) == ()


def test_rows_say_where_they_stand_in_the_other_answer():
    evaluation, judged = fabricated(), questions()
    query = judged.queries[0]
    best, other, third = [*query.relevant, "share-backup"]
    before = answered(evaluation.store, q1=((other, third), 0.1))
    after = answered(evaluation.store, q1=((best, other), 0.9))

    (case,) = biggest(after, before, judged)

    assert [(row.rank, row.id, row.grade, row.other) for row in case.before] == [
        (1, other, 1.0, 2),
        (2, third, 0, None),
    ]
    assert [(row.rank, row.id, row.grade, row.other) for row in case.after] == [
        (1, best, 2.0, None),
        (2, other, 1.0, 1),
    ]
    assert case.ndcg5 == (0.1, 0.9)


def test_texts_are_cut_and_may_be_unknown():
    evaluation, judged = fabricated(), questions()
    best, other = judged.queries[0].relevant
    judged = judged._replace(documents={best: "long " * 1000})
    after = answered(evaluation.store, q1=((best, other, *(f"more-{number}" for number in range(9))), 2.0))

    (case,) = biggest(after, evaluation.store, judged)

    assert len(case.after) == TOP
    assert len(case.after[0].text) <= LONGEST_TEXT
    assert [row.text for row in case.after[1:]] == [""] * (TOP - 1)

import orjson

from proxy.evaluation.as_json import to_json
from proxy.evaluation.verdict import verdict_of
from tests.fakes.evaluations import fabricated


def test_figures_and_verdicts_are_all_there():
    evaluation = fabricated()
    told = orjson.loads(to_json(evaluation, {"Command": "midrank eval x"}))
    store, policy = told["arms"][:2]
    arm = evaluation.policies[0]
    verdict = verdict_of(evaluation, arm)

    assert (told["version"], told["queries"], told["facts"]) == (1, 120, {"Command": "midrank eval x"})
    assert "verdict" not in store
    assert (policy["verdict"], policy["sentence"], policy["enough"]) == (
        verdict.kind,
        verdict.sentence,
        verdict.enough,
    )
    assert policy["compared"]["NDCG@5"] == arm.lift._asdict()
    assert policy["latency"]["total"] == arm.total._asdict()
    assert policy["rates"] == arm.rates._asdict()


def test_of_a_few_queries_no_interval_is_told():
    told = orjson.loads(to_json(fabricated(24), {}))["arms"][1]["compared"]["NDCG@5"]

    assert (told["low"], told["high"]) == (None, None)


def test_every_search_is_there_without_a_text():
    evaluation = fabricated()
    told = orjson.loads(to_json(evaluation, {}))

    assert [one["query"] for one in told["arms"][1]["asked"]] == [f"q{number}" for number in range(1, 121)]
    assert b"How do I" not in to_json(evaluation, {})

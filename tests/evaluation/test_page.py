import re
from dataclasses import replace

import pytest

from proxy.evaluation.page import MOST_LISTED, page
from proxy.evaluation.verdict import verdict_of
from tests.fakes.evaluations import fabricated, questions, renamed
from tests.fakes.parsed_html import ParsedHtml

TAGS = "</style></svg></bdi><script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = f"{TAGS}{{{{ 7*7 }}}}\"'>\x00\u202e$x^2$ 中文"
FACTS = {"Command": "midrank eval data --policy balanced.yaml", "Processor": "2 cores"}


@pytest.fixture(scope="module")
def plain():
    return page(fabricated(40), questions(40), FACTS)


def hostile_page():
    """Return a page with hostile names, ids, questions, documents, reasons and facts."""
    evaluation, judged = renamed(fabricated(20), HOSTILE), questions(20)
    odd = {name: f"{HOSTILE}{name}" for name in judged.documents}

    def asked(one):
        return one._replace(ids=tuple(odd[name] for name in one.ids), reason=HOSTILE if one.outcome else "")

    arms = [replace(arm, asked=tuple(map(asked, arm.asked)), models=(HOSTILE,)) for arm in evaluation.arms]
    queries = tuple(
        query._replace(
            id=f"{HOSTILE}{query.id}",
            text=HOSTILE,
            relevant={odd[name]: grade for name, grade in query.relevant.items()},
        )
        for query in judged.queries
    )
    texts = {odd[name]: f"{HOSTILE} {text}" for name, text in judged.documents.items()}
    return page(
        replace(evaluation, arms=tuple(arms), data=HOSTILE),
        judged._replace(documents=texts, queries=queries),
        {HOSTILE: HOSTILE},
    )


@pytest.mark.parametrize("made", ["plain", "hostile"])
def test_nothing_runs_and_nothing_is_loaded(made, plain):
    parsed = ParsedHtml(plain if made == "plain" else hostile_page())
    attributes = [(name, value) for _, those in parsed.tags for name, value in those.items()]

    assert parsed.unclosed == []
    assert not {"script", "img", "link", "iframe", "object", "embed", "base", "form"} & {
        tag for tag, _ in parsed.tags
    }
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("style", "src", "action")]
    assert all(value.startswith("#") for name, value in attributes if name in ("href", "xlink:href"))
    assert not [value for _, value in attributes if value and re.search(r"url\((?!#)", value)]


def test_hostile_texts_are_shown_as_they_are():
    shown = HOSTILE.replace("\x00", "").replace("\u202e", "")

    assert shown in ParsedHtml(hostile_page()).text


def test_every_policy_has_verdict_plots_and_cases(plain):
    parsed = ParsedHtml(plain)
    evaluation = fabricated(40)
    text = parsed.text.replace("\xa0", " ")

    for arm in evaluation.policies:
        assert verdict_of(evaluation, arm).sentence in text
    assert len([one for one in parsed.of("svg") if one.get("class") == "plot"]) == 1 + 2 * len(
        evaluation.policies
    )
    assert text.count("Biggest wins") == text.count("Biggest harms") == len(evaluation.policies)
    assert FACTS["Command"] in text


def test_pictures_are_described_and_ids_are_unique(plain):
    parsed = ParsedHtml(plain)
    ids = [those["id"] for _, those in parsed.tags if "id" in those]

    assert all(one.get("aria-label") or one.get("aria-hidden") for one in parsed.of("svg"))
    assert len(ids) == len(set(ids))
    assert {those["aria-labelledby"] for _, those in parsed.tags if "aria-labelledby" in those} <= set(ids)
    assert {one["href"][1:] for one in parsed.of("a")} <= set(ids)


def test_the_same_evaluation_gives_the_same_page(plain):
    assert page(fabricated(40), questions(40), FACTS) == plain


def test_a_page_of_hundreds_of_queries_is_small(plain):
    assert len(plain) / 40 * 300 < 1_500_000


def test_of_very_many_queries_those_that_changed_most_are_listed():
    evaluation, judged = fabricated(arms=("balanced",)), questions()
    times = MOST_LISTED // len(judged.queries) + 1
    many = replace(
        evaluation,
        queries=len(judged.queries) * times,
        arms=tuple(replace(arm, asked=arm.asked * times) for arm in evaluation.arms),
    )
    text = ParsedHtml(page(many, judged._replace(queries=judged.queries * times), {})).text

    assert f"NDCG@5 of {MOST_LISTED} queries that changed most" in text


def test_a_policy_that_failed_everywhere_and_one_query_still_make_a_page():
    evaluation, judged = fabricated(arms=("balanced",)), questions()
    store, arm = evaluation.arms
    failed = arm.asked[0]._replace(
        ids=(), outcome="failed", reason="no_answer", ndcg5=0.0, added=0.0, total=0.0
    )
    few = replace(
        evaluation,
        queries=1,
        unjudged=0,
        documents=0,
        live=True,
        arms=(replace(store, asked=store.asked[:1]), replace(arm, asked=(failed,))),
    )
    text = ParsedHtml(page(few, judged._replace(queries=judged.queries[:1], documents={}), {})).text

    assert "failed: no_answer 1, 100 %" in text
    assert "Nothing was reranked: no_answer 100 %." in text
    assert "0 documents" not in text


def test_of_a_few_queries_no_interval_is_shown():
    few = ParsedHtml(page(fabricated(24), questions(24), FACTS))
    enough = ParsedHtml(page(fabricated(25), questions(25), FACTS))

    assert "95 % interval; p" not in few.text
    assert not [one for one in few.of("line") if one.get("class") == "bar"]
    assert "95 % interval; p" in enough.text
    assert [one for one in enough.of("line") if one.get("class") == "bar"]


def test_what_has_no_full_part_in_the_figures_is_told():
    evaluation = replace(fabricated(40), textless=2, k=3)
    text = ParsedHtml(page(evaluation, questions(40), FACTS)).text

    assert "2 more, which are judged but whose texts are not there, are left out." in text
    assert "NDCG@5 (of 3 rows)" in text

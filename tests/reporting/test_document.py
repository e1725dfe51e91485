"""What a report says, and that all of its forms say the same."""

from __future__ import annotations

from io import StringIO

import orjson
import pytest
from rich.console import Console

from proxy.model import Outcome, Reason
from proxy.reporting import wording
from proxy.reporting.as_html import to_html
from proxy.reporting.as_json import to_json
from proxy.reporting.as_markdown import to_markdown
from proxy.reporting.as_text import show
from proxy.reporting.document import document
from proxy.reporting.figures import summarise
from proxy.reporting.live import live_tables
from proxy.reporting.sentences import sentences
from tests.fakes.record_weeks import DAY, END, harm, said, search, two_weeks

HOSTILE = "<script>alert(1)</script>|`x`\n*b*[/red]\u202e"


def summary_of(*records, grades=None):
    return summarise(sorted(records, key=lambda one: one.at), END, 7 * DAY, grades or {})


def text_of(report):
    out = StringIO()
    show(report, Console(file=out, width=200))
    return out.getvalue()


def forms(summary, report):
    return {
        "text": text_of(report),
        "markdown": to_markdown(report),
        "html": to_html(report),
        "json": to_json(summary, report, {}).decode(),
    }


def test_two_weeks_are_told_in_plain_sentences():
    told = sentences(summary_of(*two_weeks()))

    assert told[0].startswith(
        "Of 672 searches in 2 collections, 98 % were reranked and 1.9 % kept the store's order"
    )
    assert "(late 1.9 %)" in told[0]
    assert "21 % of all were ranked behind the answer" in told[0]
    assert told[1].startswith("Reranking added 12 ms to half of the answers or less, 35 ms at p95")
    assert "Callers preferred the reranked order in 74 % of 504 decided comparisons (p < .001)." in told
    lift = "lift -.050, surely -.080 to -.020, over 410 judged queries"
    assert f"`faq` was switched off on Tuesday 17 November: {lift}." in told
    assert told[-1].startswith("In the 7 days before: 672 searches, ")


def test_samples_batches_and_silence_are_told():
    told = sentences(summary_of(search(share=0.1), search(outcome=Outcome.PARTIAL, reason=Reason.LATE)))
    assert told[0] == (
        "Of 2 searches (a sample of about 11) in 1 collection, 50 % were reranked and 50 % in part."
    )
    passed = sentences(summary_of(search(outcome=Outcome.PASSED, reason=Reason.TOO_FEW)))
    assert "0 % were reranked and 100 % had nothing to be reranked" in passed[0]
    assert sentences(summary_of()) == [
        "No search was recorded from Monday 16 November to Sunday 22 November 2026."
    ]


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([said(1.0)] * 3, "Callers show no clear preference yet: 100 % of 3 decided comparisons (p = "),
        ([said(-1.0)] * 60, "Callers preferred the store's order: the reranked one won 0 % of 60"),
        (
            [harm("on", source="operator", estimate=None)],
            "`faq` was switched on on Sunday 22 November by an operator",
        ),
        (
            [harm("off", source="preference")],
            "preference -.050, surely -.080 to -.020, over 410 answers that",
        ),
        ([search(collection="faq", shown="auto_off")], "`faq` is switched off: the harm guard answers"),
        ([search(shown="shadow")], "Of rankings behind answers, 100 % would have begun with another row"),
        ([search(shown="shadow")], "Where it ran behind the answer it would have added 12 ms"),
    ],
)
def test_what_was_heard_is_told(records, sentence):
    assert sentence in " ".join(sentences(summary_of(search(), *records)))


def test_an_ab_is_told_with_its_interval():
    sides = (("treatment", 1.0), ("control", 0.0))
    votes = [said(value, experiment="ab", arm=arm) for arm, value in sides for _ in range(100)]
    told = " ".join(sentences(summary_of(search(), *votes)))

    assert (
        "100 % of the reranked answers were of use, and 0 % of the store's own: a difference (95 % +" in told
    )
    tables = {table.title: table for table in document(summary_of(search(), *votes), judged=False).tables}
    (row,) = tables["What people and judgments say"].rows
    assert row.cells[:6] == ("docs (chroma)", "A/B", "100 / 100", "100 %", "0 %", "+100.0%")
    assert row.tone == "good"
    # Who was split how is not in the records: said, so that nobody takes their numbers for the check.
    assert "split as the policy says is not in records: a running midrank tells (--admin)." in told
    assert "split" not in " ".join(sentences(summary_of(*two_weeks())))
    few = " ".join(sentences(summary_of(search(), votes[0], votes[-1])))
    assert "no proven difference" in few


def test_judged_queries_are_told():
    records = [search(query=f"q{number}", texts=True) for number in range(3)]
    told = sentences(summary_of(*records, grades={f"q{number}": {"d1": 1.0} for number in range(3)}))

    assert "In 3 judged queries among the searches, NDCG@5 rose by .369; that is too few to tell." in told


def test_an_interval_is_told_of_enough_judged_queries():
    records = [search(query=f"q{number}", texts=True) for number in range(25)]
    told = sentences(summary_of(*records, grades={f"q{number}": {"d1": 1.0} for number in range(25)}))

    assert "In 25 judged queries among the searches, NDCG@5 rose by .369 (95 % +.369 to +.369)." in told


def test_judged_queries_that_come_out_alike_neither_rise_nor_fall():
    told = " ".join(
        sentences(
            summary_of(
                search(query="q", texts=True),
                search(query="p", texts=True),
                grades={"q": {"d9": 1.0}, "p": {"d9": 1.0}},
            )
        )
    )

    assert "NDCG@5 stayed as it was" in told


def test_all_forms_say_the_same():
    summary = summary_of(*two_weeks())
    report = document(summary, judged=False, notes=["7 lines could not be read."])

    for form in forms(summary, report).values():
        for fact in (
            "74 %",
            "Tuesday 17 November",
            "switch off",
            "keep",
            "7 lines could not be read",
        ):
            assert fact in form, fact
    tree = orjson.loads(forms(summary, report)["json"])
    assert [one["advice"]["step"] for one in tree["collections"]] == ["keep", "switch off"]
    assert tree["total"]["searches"] == tree["before"]["searches"] == 672
    assert tree["collections"][1]["figures"]["harm_guard"]["off"] is True
    assert tree["collections"][0]["figures"]["preference"]["wins"] == 371


def test_tables_have_a_cell_for_every_column():
    report = document(summary_of(*two_weeks()), judged=True)

    assert [table.title for table in report.tables] == [
        "Next step for each collection",
        "Searches",
        "Why not all were reranked",
        "Time",
        "How much orders change",
        "What people and judgments say",
        "Harm guard",
    ]
    for table in report.tables:
        assert {len(row.cells) for row in table.rows} == {len(table.columns)}


def test_names_of_callers_are_no_markup():
    summary = summary_of(search(collection=HOSTILE), harm("off", collection=HOSTILE))
    made = forms(summary, document(summary, judged=False))

    assert "<script>" not in made["html"]
    assert "\u202e" not in made["html"] + made["markdown"] + made["text"]
    assert "alert(1)" in made["text"]
    lines = made["markdown"].splitlines()
    for place, line in enumerate(lines):
        if line.startswith("| ---"):
            columns = line.count("|")
            assert all(row.replace("\\|", "").count("|") == columns for row in lines[place + 1 : place + 2])
    # Outside of backticks it is escaped.
    assert "\\<script\\>" in made["markdown"]


def test_nothing_to_report_is_a_report():
    summary = summary_of()
    report = document(summary, judged=False)

    assert report.tables == ()
    for form in forms(summary, report).values():
        assert "No search was recorded" in form


STATUS = {
    "status": "ready",
    "models": {"jina": {"state": "open", "reason": "rate_limited"}, "local": {"state": "ready"}},
}
EVIDENCE = {
    "shadow": {"chroma/docs": {"searches": 12, "overlap": 0.5, "displaced_top1": 0.25, "added_p99": 0.02}},
    "experiments": {"collections": {"chroma/docs": {"interleave": {"verdict": "No preference proven."}}}},
    "harm": {
        "collections": [
            {"store": "chroma", "collection": "faq", "state": "harmful", "verdict": "It does harm."}
        ]
    },
}


def test_what_a_running_midrank_tells_is_added():
    models, proof, shadow = live_tables(STATUS, EVIDENCE)

    assert [row.cells for row in models.rows] == [("jina", "open", "rate_limited"), ("local", "ready", "")]
    assert [row.cells for row in proof.rows] == [
        ("faq (chroma)", "harm guard", "It does harm."),
        ("chroma/docs", "interleave", "No preference proven."),
    ]
    assert [row.cells for row in shadow.rows] == [("chroma/docs", "12", "50 %", "25 %", "20 ms")]


def nodes(tree, path=()):
    yield path
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from nodes(value, (*path, key))


@pytest.mark.parametrize("junk", [None, True, 1, -0.5, "x", [], [1], {}, {"collections": [None]}])
def test_what_a_later_midrank_tells_is_left_out(junk):
    """Any one node replaced by junk: a report, and no error."""
    for whole in (STATUS, EVIDENCE):
        for path in nodes(whole):
            damaged = orjson.loads(orjson.dumps(whole))
            if path:
                place = damaged
                for key in path[:-1]:
                    place = place[key]
                place[path[-1]] = junk
            else:
                damaged = {"models": junk, "harm": junk, "shadow": junk, "experiments": junk}
            for table in live_tables(damaged, damaged):
                assert {len(row.cells) for row in table.rows} == {len(table.columns)}


def test_numbers_and_names_are_written_for_people():
    assert wording.counted(1, "search") == "1 search"
    assert wording.counted(12345, "search") == "12,345 searches"
    assert wording.counted(2, "collection") == "2 collections"
    assert wording.joined(["a"]) == "a"
    assert wording.joined(["a", "b", "c"]) == "a, b and c"
    assert wording.name("") == "`(no name)`"
    assert wording.name("a`b\n" * 50).count("`") == 2
    assert len(wording.name("x" * 1000)) < 70

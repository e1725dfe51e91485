"""`midrank report`: from a folder of records to a summary, in every form."""

from __future__ import annotations

import orjson
import pytest

from proxy.cli import main
from tests.fakes.operated import Admin, Operated
from tests.fakes.record_weeks import END, search, two_weeks, write
from tests.fakes.served import served

UNTIL = ("--until", "2026-11-23")


@pytest.fixture
def records(tmp_path):
    folder = tmp_path / "records"
    write(folder, two_weeks())
    return folder


def report(records, *arguments):
    return main(["report", "--records", str(records), *UNTIL, *arguments])


def test_a_report_is_for_people(records, capsys):
    assert report(records) == 0

    told = capsys.readouterr().out
    assert told.startswith(
        "Reranking, Monday 16 November to Sunday 22 November 2026\n\nOf 672 searches in 2 coll"
    )
    assert "Next step for each collection" in told


def test_a_shorter_period_is_compared_with_one_as_short(records, capsys):
    assert report(records, "--days", "1") == 0

    told = capsys.readouterr().out
    assert "Of 96 searches" in told
    assert "In the day before: 96 searches" in told


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_a_report_is_written_or_printed(records, form, tmp_path, capfdbinary):
    target = tmp_path / f"report.{form}"

    assert report(records, f"--{form}", str(target)) == 0
    assert capfdbinary.readouterr().out == b""
    assert report(records, f"--{form}", "-") == 0
    assert capfdbinary.readouterr().out == target.read_bytes()
    assert b"Callers preferred the reranked order in 74 %" in target.read_bytes()


def test_a_file_that_can_t_be_written_is_a_mistake(records, tmp_path, capsys):
    assert report(records, "--json", str(tmp_path / "none" / "report.json")) == 2
    assert "No such file or directory - a file that can be written" in capsys.readouterr().err


def test_judged_queries_are_scored_where_texts_were_kept(tmp_path, capsys):
    write(tmp_path / "records", [search(query=f"q{number}", texts=True) for number in range(5)])
    judged = tmp_path / "judged.jsonl"
    judged.write_bytes(
        b"\n".join(
            orjson.dumps({"id": f"{number}", "query": f"q{number}", "relevant": {"d1": 1}})
            for number in range(5)
        )
    )

    assert report(tmp_path / "records", "--judged", str(judged)) == 0
    assert "In 5 judged queries among the searches, NDCG@5 rose by .369" in capsys.readouterr().out


def test_a_period_before_the_first_day_of_all_is_a_mistake(records, capsys):
    assert report(records, "--until", "0001-01-02") == 2
    assert "--until: 0001-01-02 - a later day" in capsys.readouterr().err


def test_lines_that_are_no_records_are_told(records, capsys):
    with next(records.iterdir()).open("ab") as segment:
        segment.write(b"junk\n")

    assert report(records) == 0
    assert "1 line of the records could not be read." in capsys.readouterr().out


def test_what_a_running_midrank_tells_is_added(records, capsys):
    """One whose policy proves nothing has no evidence; the rest is told."""
    with served(lambda: Admin(Operated(told={"models": {"jina": {"state": "open"}}}))) as port:
        assert report(records, "--admin", f"127.0.0.1:{port}", "--json", "-") == 0

    told = capsys.readouterr()
    assert list(orjson.loads(told.out)["live"]["status"]["models"]) == ["jina"]
    assert "nobody watches" in told.err


def test_a_midrank_that_is_not_there_is_told_and_left_out(records, capsys):
    assert report(records, "--admin", "127.0.0.1:1") == 0

    told = capsys.readouterr()
    assert "is midrank running" in told.err
    assert "Next step" in told.out


@pytest.mark.parametrize("days", ["0", "-1", "many"])
def test_a_wrong_period_is_told(records, days):
    with pytest.raises(SystemExit):
        report(records, "--days", days)


def test_records_that_are_not_there_are_a_mistake(tmp_path, capsys):
    assert report(tmp_path / "none") == 2
    assert "none: (records): No such file or directory" in capsys.readouterr().err


def test_nothing_recorded_is_said_to_be(tmp_path, capsys):
    write(tmp_path, [search(END)])

    assert report(tmp_path) == 0
    assert (
        "No search was recorded from Monday 16 November to Sunday 22 November 2026."
        in capsys.readouterr().out
    )

"""`midrank replay`: recorded searches under other policies, out of a folder or a file."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from proxy.cli import main
from proxy.records.recorded import to_line
from proxy.records.transcript import Transcript
from proxy.tuning.texts import Texts
from tests.fakes.observations import observation
from tests.fakes.tiny_bert import write_tiny_bert

SECRET = "s" * 32


class Desk:
    """A folder with records, policies and the texts that records may lack."""

    def __init__(self, folder):
        self.folder = folder
        self.records = folder / "records.jsonl"
        self.texts = folder / "corpus.jsonl"
        self.judged = folder / "judged.jsonl"
        self.seen = [observation(query=f"which cat {number}") for number in range(12)]
        found = {one.id: one.text for one in self.seen[0].candidates}
        self.texts.write_bytes(lines({"_id": name, "text": text} for name, text in found.items()))
        self.judged.write_bytes(
            lines(
                {"id": one.query, "query": f" {one.query.upper()}", "relevant": {"d3": 1}}
                for one in self.seen[:6]
            )
        )
        tiny = write_tiny_bert(folder / "tiny")
        model = {"kind": "cross_encoder_onnx", "model": str(tiny), "max_tokens": 32, "threads": 1}
        store = {"kind": "chroma", "listen": "127.0.0.1:1", "upstream": "http://127.0.0.1:2"}
        for name, depth in (("shallow", 5), ("deep", 10)):
            rule = {"rerank": ["tiny"], "candidates": {"min": depth, "max": depth}, "budget_ms": 5000}
            (folder / f"{name}.yaml").write_bytes(
                orjson.dumps(
                    {"stores": [store], "models": {"tiny": model}, "rules": [rule], "secret": SECRET}
                )
            )
        self.write(texts=True)

    def write(self, *, texts):
        digests = Transcript(SECRET.encode(), None)
        begun = datetime(2026, 1, 1, tzinfo=UTC)
        records = [digests.search(begun + timedelta(seconds=at), one) for at, one in enumerate(self.seen)]
        if texts:
            known = {one.id: one.text for one in self.seen[0].candidates}
            records = [
                Texts(known, [one.query for one in self.seen], SECRET.encode()).filled(one) for one in records
            ]
        self.records.write_bytes(b"".join(map(to_line, records)))

    def run(self, *more):
        policies = (
            arg for name in ("shallow", "deep") for arg in ("--policy", str(self.folder / f"{name}.yaml"))
        )
        return main(["replay", "--records", str(self.records), *policies, *more])


def lines(values):
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.mark.model
def test_policies_stand_side_by_side(desk, capsys):
    figures = desk.folder / "figures.json"

    assert desk.run("--json", str(figures), "--judged", str(desk.judged)) == 0
    told = orjson.loads(figures.read_bytes())
    assert [one["name"] for one in told["answers"]] == ["store", "recorded", "shallow", "deep"]
    assert (told["searches"], told["without_texts"], told["judged"]) == (12, 0, 6)
    assert (told["queries"], told["judged_queries"]) == (12, 6)
    assert told["answers"][2]["outcomes"] == told["answers"][3]["outcomes"] == {"reranked": 12}
    assert told["answers"][1]["to_store"]["changed"] == 1.0
    assert told["answers"][0]["NDCG@5"] == pytest.approx(0.4307, abs=1e-4)
    printed = capsys.readouterr().out
    for words in (
        "12 recorded searches",
        "store",
        "recorded",
        "shallow",
        "deep",
        "another first row",
        "12 different queries",
        "judged: 6 searches, 6 different queries, each of which counts once",
        "NDCG@5",
    ):
        assert words in printed


@pytest.mark.model
def test_digests_are_replayed_with_the_texts_and_the_secret(desk, capsys):
    desk.write(texts=False)

    assert desk.run("--texts", str(desk.texts), "--judged", str(desk.judged)) == 1
    assert "12 searches can't be replayed" in capsys.readouterr().err  # the queries are written otherwise
    desk.judged.write_bytes(
        lines({"id": one.query, "query": one.query, "relevant": {"d3": 1}} for one in desk.seen[:6])
    )
    assert desk.run("--texts", str(desk.texts), "--judged", str(desk.judged)) == 0
    printed = capsys.readouterr()
    assert "6 recorded searches" in printed.out
    assert "6 searches can't be replayed, as their texts were not kept" in printed.err


def test_digests_alone_can_not_be_replayed(desk, capsys):
    desk.write(texts=False)

    assert desk.run() == 1
    assert "12 searches can't be replayed, as their texts were not kept" in capsys.readouterr().err


@pytest.mark.model
def test_many_are_replayed_in_part(desk, capsys):
    assert desk.run("--limit", "5") == 0
    assert "5 of 12 searches were replayed, evenly spread" in capsys.readouterr().err


def test_no_searches_are_no_replay(desk, capsys):
    desk.records.write_bytes(b"junk\n")

    assert desk.run() == 1
    assert "there are no searches in these records" in capsys.readouterr().err


def test_mistakes_are_told(desk, capsys):
    assert desk.run("--limit", "0") == 2
    desk.records.unlink()
    assert desk.run() == 2
    told = capsys.readouterr().err
    assert "--limit: 0 - 1 or more" in told
    assert "records.jsonl: (records): No such file or directory" in told


@pytest.mark.model
def test_a_query_that_was_asked_often_counts_once(desk, capsys):
    judged, once, often = ("--judged", str(desk.judged)), desk.folder / "once", desk.folder / "often"
    assert desk.run(*judged, "--json", str(once)) == 0
    desk.seen += desk.seen[:1] * 20
    desk.write(texts=True)

    assert desk.run(*judged, "--json", str(often)) == 0
    first, second = (orjson.loads(file.read_bytes()) for file in (once, often))
    assert "32 recorded searches, 12 different queries" in capsys.readouterr().out
    assert (second["judged"], second["judged_queries"]) == (26, 6)
    for name in ("NDCG@5", "NDCG@5_lift"):
        assert [one[name] for one in first["answers"]] == [
            pytest.approx(one[name], abs=1e-9) for one in second["answers"]
        ]


@pytest.mark.parametrize("place", ["no/such/figures", "."])
def test_a_place_for_figures_is_checked_before_the_work(desk, capsys, place):
    desk.records.unlink()  # that would be told, too, if it were looked for

    assert desk.run("--json", str(desk.folder / place)) == 2
    assert "a file in a folder that is there" in capsys.readouterr().err
    assert not (desk.folder / "no").exists()


@pytest.mark.model
def test_figures_that_can_no_more_be_written_are_told(desk, capsys):
    (desk.folder / f"figures.{os.getpid()}.part").mkdir()

    assert desk.run("--json", str(desk.folder / "figures")) == 1
    printed = capsys.readouterr()
    assert "Is a directory" in printed.err
    assert "12 recorded searches" in printed.out


@pytest.mark.model
def test_a_model_that_is_gone_is_told(desk, capsys):
    (desk.folder / "tiny" / "tokenizer.json").write_text("{}")

    assert desk.run() == 1
    assert "stopped: model_failed" in capsys.readouterr().err

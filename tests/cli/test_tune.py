"""`midrank tune`: from judged data or records to the policy of the chosen point, also after a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson
import pytest

from proxy.cli import main
from proxy.policy_file import load_policy
from proxy.records.recorded import to_line
from tests.tuning.desk import Desk, recorded

REPO = Path(__file__).parents[2]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.mark.model
def test_the_chosen_policy_is_written(desk, capsys):
    figures = desk.folder / "figures.json"
    assert main(desk.arguments("--json", str(figures))) == 0
    text = desk.out.read_text()
    rule = load_policy(desk.out).rules[0]
    told = orjson.loads(figures.read_bytes())
    chosen = next(one for one in told["points"] if one["chosen"])

    assert text.startswith("# midrank tune: ")
    assert "kind: chroma # in front of it" in text
    assert "${LISTEN:-127.0.0.1:8001}" in text
    assert rule.candidates.max == chosen["depth"]
    assert main(["check", str(desk.out)]) == 0
    assert {(one["depth"], one["max_tokens"]) for one in told["points"]} == {
        (4, 16),
        (4, None),
        (8, 16),
        (8, None),
    }
    assert all(one["cases"] == 30 and one["outcomes"] == {"reranked": 1.0} for one in told["points"])
    printed = capsys.readouterr()
    assert "NDCG@5 of the store's order: " in printed.out
    assert told["advice"][0].split(":")[0] in printed.out
    assert "chosen.yaml has the chosen policy" in printed.err


@pytest.mark.model
def test_of_a_collection_the_nearest_documents_are_candidates(desk, capsys):
    folder = desk.folder / "collection"
    (folder / "qrels").mkdir(parents=True)
    some = desk.lines[:6]
    documents = [one for line in some for one in line["documents"]]
    corpus = ({"_id": one["id"], "text": one["text"]} for one in documents)
    (folder / "corpus.jsonl").write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in corpus))
    queries = ({"_id": line["id"], "text": line["query"]} for line in some)
    (folder / "queries.jsonl").write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in queries))
    grades = "".join(f"{line['id']}\t{name}\t1\n" for line in some for name in line["relevant"])
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{grades}")

    assert main(desk.arguments(source=("--data", str(folder)))) == 0
    assert "6 cases; NDCG@5 of the store's order: " in capsys.readouterr().out


@pytest.mark.model
def test_a_run_that_is_done_measures_nothing(desk):
    assert main(desk.arguments()) == 0
    written, text = desk.journal.read_bytes(), desk.out.read_bytes()

    assert main(desk.arguments()) == 0
    assert desk.journal.read_bytes() == written
    assert desk.out.read_bytes() == text


@pytest.mark.wire
@pytest.mark.model
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
async def test_a_run_that_is_ended_is_gone_on_with(desk, number, code):
    """What was measured stays as it is, and in the end everything is there once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proxy",
        *desk.arguments(),
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(50):
        while not desk.journal.exists() or b"\n" not in desk.journal.read_bytes():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        while process.returncode is None:
            process.send_signal(number)
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                continue
    before = desk.journal.read_bytes()
    unfinished = not desk.out.exists()
    assert await asyncio.to_thread(main, desk.arguments()) == 0
    after = desk.journal.read_bytes()
    gone_on = desk.measured()
    desk.journal.unlink()
    assert await asyncio.to_thread(main, desk.arguments()) == 0

    assert process.returncode == code or not unfinished  # it may have been done by then
    assert after.startswith(before[: before.rindex(b"\n") + 1])
    assert gone_on == desk.measured()
    assert after.count(b"\n") == len(gone_on) == 4 * 3


@pytest.mark.model
def test_nothing_is_chosen_where_nothing_is_fast_enough(desk, capsys):
    assert main(desk.arguments("--max-p99-ms", "0.001")) == 1
    assert "No point keeps within 0.0 ms at p99" in " ".join(capsys.readouterr().out.split())
    assert not desk.out.exists()


@pytest.mark.model
def test_records_are_compared_with_a_reference(desk, capsys):
    records = desk.folder / "records.jsonl"
    lines = [to_line(recorded(line, number)) for number, line in enumerate(desk.lines)]
    unkept = to_line(recorded(desk.lines[0], 0, texts=False))
    records.write_bytes(b"".join([*lines, *lines[:7], unkept]))

    assert main(desk.arguments(source=("--records", str(records)))) == 0
    printed = capsys.readouterr()
    assert "1 searches are left out: their texts were not kept" in printed.err
    assert "37 searches, 30 different queries: each counts as it was asked last" in printed.err
    assert "30 cases; RBO of the store's order: " in printed.out
    assert "Nobody has judged these searches" in printed.out
    assert load_policy(desk.out)


def test_records_without_a_search_for_the_rule_are_none(desk, capsys):
    records = desk.folder / "records.jsonl"
    records.write_bytes(to_line(recorded(desk.lines[0], 0, texts=False)))

    assert main(desk.arguments(source=("--records", str(records)))) == 2
    assert "searches that the rule is for, recorded with `texts: keep`" in capsys.readouterr().err


@pytest.mark.model
def test_a_few_queries_give_no_interval_and_no_verdict(desk, capsys):
    assert main(desk.arguments("--limit", "3", "--k", "5", "--json", str(desk.folder / "figures"))) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Can't tell: 3 queries are too few to go by: ask 50 or more." in printed
    assert " to +" not in printed
    assert "(95 %" not in desk.out.read_text()
    assert orjson.loads((desk.folder / "figures").read_bytes())["measures"] == [
        "NDCG@5",
        "NDCG@10 (of 5 rows)",
    ]


@pytest.mark.model
def test_a_place_that_can_no_more_be_written_costs_no_measurements(desk, capsys):
    journal = desk.folder / "journal"
    (desk.folder / f"chosen.{os.getpid()}.part").mkdir()

    assert main(desk.arguments("--journal", str(journal))) == 1
    assert "; what was measured is in the journal" in capsys.readouterr().err
    assert journal.read_bytes().count(b"\n") == 12

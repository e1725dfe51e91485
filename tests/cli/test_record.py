"""`midrank record`: serve and record for a while, look at records, remove them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from proxy.cli import main
from proxy.cli import record as record_command
from proxy.policy import Policy
from tests.fakes.record_weeks import END, search, two_weeks, write

REPO = Path(__file__).parents[2]
STORE = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    record_command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_command_line_says_what_is_recorded():
    policy = Policy.model_validate({"stores": [STORE]})
    record = record_command.recording(
        policy, parsed("--folder", "there", "--share", "0.5", "--texts", "keep")
    ).record

    assert (record.folder, record.share, record.texts, record.keep_days) == ("there", 0.5, "keep", 30)


def test_what_it_does_not_say_is_the_policys():
    own = {"folder": "here", "texts": "keep", "redact": ["x"], "max_mb": 7}
    policy = Policy.model_validate({"stores": [STORE], "record": own})
    record = record_command.recording(policy, parsed("--folder", "there")).record

    assert (record.folder, record.share, record.texts, record.redact, record.max_mb) == (
        "there", 1.0, "keep", ("x",), 7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172_800)]
)
def test_times_are_told_with_their_unit(text, seconds):
    assert parsed("--folder", "x", "--for", text).seconds == seconds


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--folder", "x", "--stats", "x"),
        ("--folder", "x", "--for", "soon"),
        ("--folder", "x", "--for", "0s"),
        ("--folder", "x", "--share", "0"),
        ("--folder", "x", "--share", "many"),
        ("--folder", "x", "--texts", "all"),
        ("--purge", "x", "--before", "yesterday"),
    ],
)
def test_a_wrong_command_line_is_told(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["record", *arguments])

    assert caught.value.code == 2
    assert "midrank record: error: " in capsys.readouterr().err


def test_a_policy_is_wanted_to_record(capsys):
    assert main(["record", "--folder", "x"]) == 2
    assert "--policy FILE" in capsys.readouterr().err


def test_stats_tell_what_there_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    write(tmp_path, [*two_weeks(), search(END, texts=True)])
    with next(tmp_path.iterdir()).open("ab") as segment:
        segment.write(b"junk\n")

    assert main(["record", "--stats", str(tmp_path)]) == 0

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        "store collection searches feedback harm guard",
        "chroma docs 1,009 1,008 0",
        "chroma faq 336 0 2",
    ]
    assert lines[3].startswith("2,355 records in 1 file, ")
    assert lines[3].endswith("2026-11-09 00:00 to 2026-11-23 00:00 UTC")
    assert lines[4:] == ["1 search with texts", "no records: 1 line, 0 of them by a later midrank"]


def test_stats_of_nothing(tmp_path, capsys):
    assert main(["record", "--stats", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("0 records in 0 files, 0.0 MB\n")

    assert main(["record", "--stats", str(tmp_path / "none")]) == 2
    assert "none: (folder): No such file or directory - a folder of records" in capsys.readouterr().err


def test_a_purge_removes_what_is_older(tmp_path, capsys):
    for days in (1, 3, 5):
        at = datetime.now(UTC) - timedelta(days=days)
        write(tmp_path, [search(at)])
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (at.timestamp(),) * 2)
    (tmp_path / "notes").touch()
    day = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"

    assert main(["record", "--purge", str(tmp_path), "--before", day]) == 0
    assert capsys.readouterr().out == "2 files removed\n"
    assert main(["record", "--purge", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 file removed\n"
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


@pytest.mark.wire
async def test_a_recording_ends_after_its_time(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(orjson.dumps({"stores": [STORE], "rules": [{"mode": "off"}]}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "record", "--policy", str(policy), "--folder", str(tmp_path / "new"),
        "--for", "0.01s", env={**os.environ, "PYTHONPATH": str(REPO)}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    assert await process.wait() == 0
    assert not (tmp_path / "new").exists()

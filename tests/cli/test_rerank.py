"""`midrank rerank`: files in, files out, and runs that end in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson
import pytest

from proxy.cli import main
from tests.fakes.llm_server import Fault, LlmServer, sensible

REPO = Path(__file__).parents[2]


class Desk:
    """A folder with an input, a policy with an LLM behind a server, and what comes of them."""

    def __init__(self, folder: Path, server: LlmServer) -> None:
        self.server = server
        self.source = folder / "in.jsonl"
        self.target = folder / "out.jsonl"
        self.policy = folder / "policy.yaml"
        self.put(
            *(
                {"id": f"q{number}", "query": f"why {number}?", "documents": documents(number)}
                for number in range(12)
            )
        )
        self.set_up()

    def put(self, *lines):
        self.source.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))

    def set_up(self, **model):
        llm = {"kind": "llm", "api": "openai", "url": self.server.url, "model": "m", **model}
        policy = {
            "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}],
            "models": {"judge": llm, "other": {**llm, "method": "pointwise"}},
            "rules": [{"mode": "off"}, {"rerank": ["judge"], "budget_ms": 1}],
        }
        self.policy.write_bytes(orjson.dumps(policy))

    def arguments(self, *more, target=None, source=None):
        files = ("--in", str(source or self.source), "--out", str(target or self.target))
        return ["rerank", *files, "--policy", str(self.policy), "--patience", "0", *more]

    async def run(self, *more, **files):
        """Run the command beside this event loop, on which the server is; return its exit code."""
        return await asyncio.to_thread(main, self.arguments(*more, **files))

    async def begin(self, *more, source=None, stdin=None):
        """Run it as a process of its own."""
        environment = {**os.environ, "PYTHONPATH": str(REPO)}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "proxy",
            *self.arguments(*more, source=source),
            env=environment,
            stdin=stdin,
            stderr=asyncio.subprocess.DEVNULL,
        )

    def lines(self):
        return [orjson.loads(line) for line in self.target.read_bytes().splitlines()]


def documents(number):
    return [{"id": f"d{place}", "text": f"[{(place * 3 + number) % 10}] text {place}"} for place in range(4)]


@pytest.fixture
async def desk(tmp_path):
    async with LlmServer() as server:
        yield Desk(tmp_path, server)


async def test_queries_are_ranked_in_their_order(desk, capsys):
    desk.put(
        {"id": 1, "query": "why?", "documents": documents(0)},
        {"id": 2, "query": "?", "documents": ["[1]", "[7]"]},
    )

    assert await desk.run() == 0
    assert desk.lines() == [
        {
            "id": 1,
            "ranking": [
                {"id": f"d{place}", "score": score} for place, score in ((3, 4), (2, 3), (1, 2), (0, 1))
            ],
            "outcome": "reranked",
            "reason": None,
            "scorer": "judge",
            "input": desk.lines()[0]["input"],
        },
        {
            "id": 2,
            "ranking": [{"index": 1, "score": 2}, {"index": 0, "score": 1}],
            "outcome": "reranked",
            "reason": None,
            "scorer": "judge",
            "input": desk.lines()[1]["input"],
        },
    ]
    assert capsys.readouterr().err == "midrank: 2 queries ranked\n"


@pytest.mark.wire
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)]
)
async def test_a_run_that_is_ended_is_gone_on_with(desk, number, code):
    """What is there in the end is what an uninterrupted run writes, byte for byte; nothing is asked twice."""

    def say(asked):
        if len(desk.server.asked) >= 7:
            desk.server.gate.clear()
        return sensible(asked)

    desk.server.say = say
    process = await desk.begin("--concurrency", "2")
    await desk.server.until_asked(8)
    async with asyncio.timeout(20):
        while b"\n" not in desk.target.read_bytes():  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(0.01)
    assert await end(process, number) == code
    torn = desk.target.read_bytes()
    desk.target.write_bytes(torn + b'{"id":"q7","ranki')  # as if it had been in the middle of a line
    asked_before = len(desk.server.asked)
    desk.server.say = sensible
    desk.server.gate.set()

    assert await desk.run() == 0
    resumed = desk.target.read_bytes()
    asked_after = len(desk.server.asked) - asked_before
    assert await desk.run(target=desk.target.with_name("whole.jsonl")) == 0
    assert resumed == desk.target.with_name("whole.jsonl").read_bytes()
    assert 0 < torn.count(b"\n") < 12
    assert asked_after == 12 - torn.count(b"\n")


async def end(process, number):
    """Send a signal as a person would: again, where it had no effect."""
    while True:
        process.send_signal(number)
        try:
            return await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            continue


async def test_a_run_that_is_done_asks_nothing(desk, capsys):
    assert await desk.run() == 0
    asked = len(desk.server.asked)
    assert await desk.run() == 0

    assert len(desk.server.asked) == asked
    assert "0 queries ranked, 12 were before" in capsys.readouterr().err


async def test_rankings_are_written_in_order_whoever_is_done_first(desk):
    """The first query is held back by a server that is busy with it alone."""
    first = Fault(429, headers={"retry-after-ms": "150"})
    desk.server.faults.append(first)
    desk.set_up(concurrency=1)

    assert await desk.run() == 0
    assert [line["id"] for line in desk.lines()] == [f"q{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{"id": "x", "ranking": []}], "out.jsonl:1: (line): something else - the ranking of line 1 of"),
        ([{"id": "q0", "ranking": [{"id": "d0", "score": 1}]}], "out.jsonl:1: (line): something else"),
        (["junk"], "out.jsonl:1: (line): something else"),
    ],
)
async def test_an_output_of_another_input_is_left_alone(desk, capsys, lines, words):
    content = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    desk.target.write_bytes(content)

    assert await desk.run() == 2
    assert words in capsys.readouterr().err
    assert desk.target.read_bytes() == content
    assert desk.server.asked == []


async def test_an_output_of_what_the_input_was_before_is_left_alone(desk, capsys):
    desk.put({"id": 1, "query": "why?", "documents": ["[1] a", "[9] b"]})
    assert await desk.run() == 0
    content = desk.target.read_bytes()
    desk.put({"id": 1, "query": "why?", "documents": ["[9] a", "[1] b"]})

    assert await desk.run() == 2
    assert "out.jsonl:1: (line): something else" in capsys.readouterr().err
    assert desk.target.read_bytes() == content


async def test_an_input_is_not_taken_for_an_output(desk, capsys):
    content = desk.source.read_bytes()[:-5]
    desk.source.write_bytes(content)

    assert await desk.run("--skip-bad", target=desk.source) == 2
    assert "in.jsonl:1: (line): something else" in capsys.readouterr().err
    assert desk.source.read_bytes() == content


async def test_an_output_that_is_longer_than_the_input_is_of_another(desk, capsys):
    assert await desk.run() == 0
    desk.source.write_bytes(b"".join(desk.source.read_bytes().splitlines(keepends=True)[:5]))

    assert await desk.run() == 2
    assert (
        "out.jsonl:6: (line): one more ranking - nothing after the last query of" in capsys.readouterr().err
    )


async def test_bad_lines_are_all_named_before_anything_is_asked(desk, capsys):
    with desk.source.open("ab") as file:
        file.write(b'junk\n{"id": "q3", "query": "again?", "documents": []}\n')

    assert await desk.run() == 2
    told = capsys.readouterr().err
    assert "in.jsonl:13: (line): not JSON" in told
    assert "in.jsonl:14: id: the same as before" in told
    assert desk.server.asked == []


async def test_bad_lines_may_be_skipped_also_when_going_on(desk, capsys):
    good = desk.source.read_bytes().splitlines(keepends=True)
    desk.source.write_bytes(b"junk\n" + b"".join(good[:3]) + b"{}\n" + b"".join(good[3:]))

    assert await desk.run("--skip-bad") == 0
    told = capsys.readouterr().err
    assert "in.jsonl:1: (line): not JSON" in told
    assert "in.jsonl:5: documents: missing" in told
    assert "12 queries ranked, 2 lines skipped" in told
    whole = desk.target.read_bytes()
    desk.target.write_bytes(b"".join(whole.splitlines(keepends=True)[:5]))
    assert await desk.run("--skip-bad") == 0
    assert desk.target.read_bytes() == whole


async def test_standard_input_and_output_are_files_too(desk, monkeypatch, capfdbinary):
    assert await desk.run() == 0
    content = desk.source.read_bytes()
    desk.source.write_bytes(content + b"junk\n" + content)
    with os.fdopen(os.dup(1), "w") as output, desk.source.open() as source:
        monkeypatch.setattr(sys, "stdin", source)
        monkeypatch.setattr(sys, "stdout", output)
        # What comes before the mistake is ranked: a stream can't be read twice.
        assert await desk.run(source="-", target="-") == 2
    told = capfdbinary.readouterr()
    assert desk.target.read_bytes() == told.out
    assert b"-:13: (line): not JSON" in told.err


async def test_what_is_ranked_is_written_while_a_stream_is_slow(desk, capsys):
    """And also if what comes next is no query: all of it was paid."""
    content = desk.source.read_bytes()
    desk.source.unlink()
    os.mkfifo(desk.source)
    desk.target.touch()
    run = asyncio.ensure_future(desk.run())
    with await asyncio.to_thread(desk.source.open, "wb", 0) as stream:
        stream.write(content)
        async with asyncio.timeout(20):
            while desk.target.read_bytes().count(b"\n") < 12:  # noqa: ASYNC110 (another thread writes it)
                await asyncio.sleep(0.01)
        desk.server.gate.clear()
        stream.write(b'{"id": "late", "query": "why?", "documents": ["[1]", "[2]"]}\njunk\n')
        await desk.server.until_asked(13)
        desk.server.gate.set()
        assert await run == 2

    assert ":13: " not in (told := capsys.readouterr().err)
    assert "in.jsonl:14: (line): not JSON" in told
    assert [line["id"] for line in desk.lines()][-1] == "late"


@pytest.mark.wire
async def test_a_stream_that_says_nothing_keeps_nobody(desk):
    """A process ends though one of its threads still reads."""
    desk.server.faults.extend([Fault(401)] * 99)
    process = await desk.begin(source="-", stdin=asyncio.subprocess.PIPE)
    process.stdin.write(desk.source.read_bytes())

    assert await asyncio.wait_for(process.wait(), 30) == 1


async def test_a_reader_may_have_enough(desk, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert await desk.run(target="-") == 1


async def test_a_full_disk_ends_the_run(desk, capsys):
    assert await desk.run(target="/dev/full") == 1
    assert capsys.readouterr().err == "midrank: No space left on device\n"


async def test_a_device_may_be_an_output(desk):
    assert await desk.run(target="/dev/null") == 0


async def test_a_run_stops_before_it_costs_too_much(desk, capsys):
    """A call costs 0.001, and may cost 0.005 as far as is known before."""
    desk.server.usage = (1000, 0)
    desk.set_up(prices={"input": 1, "output": 0})

    assert await desk.run("--max-cost", "0.008", "--concurrency", "1") == 3
    told = capsys.readouterr().err
    assert "stopped, as the next call might exceed --max-cost" in told
    spent = len(desk.server.asked) * 0.001
    assert 0 < spent <= 0.008
    written = len(desk.lines())
    assert 0 < written < 12
    assert len(desk.server.asked) == written

    assert await desk.run("--max-cost", "1") == 0
    assert [line["id"] for line in desk.lines()] == [f"q{number}" for number in range(12)]
    assert all(line["outcome"] == "reranked" for line in desk.lines())
    assert len(desk.server.asked) == 12


async def test_what_was_paid_is_written_however_many_queries_run_at_once(desk):
    """A call costs 0.001, and may cost 0.005: most of the time only one of eight can be made."""
    desk.server.usage = (1000, 0)
    desk.set_up(prices={"input": 1, "output": 0})

    assert await desk.run("--max-cost", "0.012") == 3
    written = len(desk.lines())
    assert 6 <= written < 12
    assert len(desk.server.asked) == written
    assert {line["outcome"] for line in desk.lines()} == {"reranked"}


async def test_a_cost_can_be_bounded_only_if_there_are_prices(desk, capsys):
    assert await desk.run("--max-cost", "1") == 2
    assert "models.judge: no prices - prices of an llm, for --max-cost" in capsys.readouterr().err


async def test_an_outage_stops_the_run_and_loses_nothing(desk, capsys):
    """Else a night's outage would be a file full of the input's own order."""
    desk.server.say = lambda asked: _breaking(desk.server, asked, after=5)

    assert await desk.run("--concurrency", "1") == 1
    assert "stopped: remote_error; run it again to go on" in capsys.readouterr().err
    assert 0 < len(desk.lines()) <= 5
    desk.server.faults.clear()
    desk.server.say = sensible
    assert await desk.run() == 0
    assert {line["outcome"] for line in desk.lines()} == {"reranked"}


def _breaking(server, asked, after):
    if len(server.asked) >= after:
        server.faults.extend([Fault(500)] * 99)
    return sensible(asked)


async def test_a_short_outage_is_waited_out(desk):
    desk.put({"id": 1, "query": "why?", "documents": documents(0)})
    desk.server.faults.extend([Fault(500)] * 4)

    assert await desk.run("--patience", "30") == 0
    assert desk.lines()[0]["outcome"] == "reranked"


async def test_a_key_that_is_not_taken_stops_the_run_at_once(desk, capsys):
    desk.server.faults.extend([Fault(401)] * 99)

    assert await desk.run("--patience", "300") == 1
    assert "stopped: remote_denied" in capsys.readouterr().err


async def test_a_query_that_the_model_can_not_do_stops_nothing(desk, capsys):
    desk.server.say = lambda asked: "no" if "why 3?" in asked.user else sensible(asked)

    assert await desk.run() == 0
    assert [line["id"] for line in desk.lines() if line["outcome"] == "fallback"] == ["q3"]
    assert desk.lines()[3]["reason"] == "bad_response"
    assert [one["score"] for one in desk.lines()[3]["ranking"]] == [None] * 4
    assert "12 queries ranked, 1 of them in the order of the input" in capsys.readouterr().err


async def test_a_model_that_does_nothing_right_stops_the_run(desk, capsys):
    """A key of the policy may be wrong: that should not be found out after all queries."""
    desk.server.faults.extend([Fault(400)] * 99)

    assert await desk.run("--concurrency", "1") == 1
    told = capsys.readouterr().err
    assert "stopped: remote_refused" in told
    assert '"status":400' in told.replace(" ", "")
    assert len(desk.lines()) == 9


async def test_a_query_may_have_a_budget(desk):
    desk.put({"id": 1, "query": "why?", "documents": documents(0)})
    desk.server.gate.clear()

    assert await desk.run("--budget-ms", "50") == 0
    assert [(line["outcome"], line["reason"]) for line in desk.lines()] == [("fallback", "late")]


async def test_models_can_be_chosen(desk):
    assert await desk.run("--models", "other") == 0
    assert {line["scorer"] for line in desk.lines()} == {"other"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--rule", "3"], "--rule: 3 - 1 to 2, as `midrank check` numbers them"),
        (["--rule", "1"], "--rule: off - a rule that is not off, or --models"),
        (["--models", "judge,nobody"], "--models: nobody - names under `models`: judge, other"),
        (["--concurrency", "0", "--budget-ms", "-1"], "--concurrency: 0 - 1 or more"),
        (["--max-cost", "nan"], "--max-cost: nan - 0 or more"),
        (
            ["--in", "/nowhere/in.jsonl"],
            "/nowhere/in.jsonl: --in: No such file or directory - a readable file",
        ),
        (["--out", "/nowhere/out.jsonl"], "/nowhere/out.jsonl: --out: No such file or directory"),
    ],
)
async def test_what_can_not_be_is_a_mistake(desk, capsys, more, words):
    assert await desk.run(*more) == 2
    assert words in capsys.readouterr().err

"""The recorder: what it writes, what it never writes, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import stat
import threading
from datetime import UTC, datetime

import pytest

from proxy.model import Candidate
from proxy.policy_evidence import Record
from proxy.records import recorder as recorder_module
from proxy.records.recorded import RecordedFeedback, RecordedHarm, RecordedSearch
from proxy.records.recorder import MAX_WAITING, MAX_WAITING_CHARACTERS, Recorder
from tests.fakes.observations import observation
from tests.fakes.record_desk import SECRET, recording, records_in


def settings(folder, **more):
    return Record.model_validate({"folder": str(folder), **more})


def written(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_search_is_recorded_as_it_was_seen(tmp_path):
    seen = observation((2, 0, 1), limit=2, query="why?", added=0.0123, store_seconds=0.0045)

    async with recording(tmp_path / "new" / "folder", texts="keep") as recorder:
        recorder.tell(seen)

    (record,) = await records_in(tmp_path / "new" / "folder")
    assert isinstance(record, RecordedSearch)
    assert (record.store, record.collection, record.shown, record.query) == (
        "chroma",
        "docs",
        "reranked",
        "why?",
    )
    assert [one.id for one in record.candidates] == ["d0", "d1", "d2"]
    assert [one.text for one in record.candidates] == ["text of d0", "text of d1", "text of d2"]
    assert [one.score for one in record.candidates] == [one.score for one in seen.candidates]
    assert record.order == record.ranked == (2, 0, 1)
    assert record.scores == seen.ranked.scores
    assert (record.page_start, record.page_stop) == (0, 2)
    assert (record.outcome, record.reason, record.scored, record.scorer) == ("reranked", None, 3, "fake")
    assert (record.added_ms, record.store_ms, record.share) == (12.3, 4.5, 1.0)
    assert record.teams is None


async def test_what_was_drawn_is_recorded_with_its_teams(tmp_path):
    async with recording(tmp_path) as recorder:
        recorder.tell(observation((1, 0), shown="interleaved", shown_order=(0, 1), teams=(0, 1)))

    (record,) = await records_in(tmp_path)
    assert (record.order, record.ranked, record.teams) == ((0, 1), (1, 0), (0, 1))


async def test_feedback_and_harm_are_recorded(tmp_path):
    async with recording(tmp_path, share=0.001) as recorder:
        recorder.tell_feedback(
            exchange="e",
            store="s",
            collection="c",
            experiment="interleave",
            arm=None,
            value=-1.0,
            signal="used",
        )
        recorder.tell_harm(
            store="s",
            collection="c",
            event="off",
            estimate=-0.1,
            low=-0.2,
            high=-0.01,
            count=7,
            source="probes",
        )

    feedback, harm = await records_in(tmp_path)
    assert isinstance(feedback, RecordedFeedback)
    assert isinstance(harm, RecordedHarm)
    assert (feedback.exchange, feedback.value) == ("e", -1.0)
    assert (harm.event, harm.high, harm.source) == ("off", -0.01, "probes")


async def test_hashes_give_no_text_away(tmp_path):
    """Nor ids, nor the secret, nor anything that could be computed without it."""
    secret_texts = ("the merger with Initech", "mailbox-of-the-chief-lawyer", "who is to be laid off?")
    seen = observation(
        (1, 0),
        query=secret_texts[2],
        found=(Candidate(secret_texts[1], secret_texts[0], 1.0), Candidate("b", None)),
    )
    for secret in (SECRET, b"another"):
        async with recording(tmp_path / secret.hex(), secret=secret) as recorder:
            recorder.tell(seen)
            recorder.tell(seen)

    for folder in tmp_path.iterdir():
        content = written(folder)
        assert not any(text.encode() in content for text in (*secret_texts, SECRET.decode(), "another"))
    first, again = await records_in(tmp_path / SECRET.hex())
    (other, _) = await records_in(tmp_path / b"another".hex())
    assert (first.query, first.candidates[0].text, first.candidates[1].digest) == (None, None, None)
    assert first.candidates == again.candidates
    assert first.query_digest == again.query_digest != other.query_digest
    assert first.candidates[0].digest != other.candidates[0].digest
    assert first.candidates[0].id.startswith("digest:")


async def test_kept_texts_are_redacted(tmp_path):
    found = (Candidate("bob@example.com", "call 030 1234567, ACME-1"), Candidate("plain", "nothing"))
    seen = observation((1, 0), query="mail of bob@example.com", found=found)

    async with recording(tmp_path, texts="keep", redact=[r"ACME-\d+"]) as recorder:
        recorder.tell(seen)

    (record,) = await records_in(tmp_path)
    assert record.query == "mail of [redacted]"
    assert record.candidates[0].text == "call [redacted], [redacted]"
    assert record.candidates[0].id.startswith("digest:")
    assert record.candidates[1].id == "plain"
    assert b"bob@" not in written(tmp_path)


async def test_a_text_is_written_once(tmp_path):
    seen = observation((1, 0), found=(Candidate("a", "unmistakable"), Candidate("b", "unmistakable")))

    async with recording(tmp_path, texts="keep") as recorder:
        for _ in range(20):
            recorder.tell(seen)

    assert written(tmp_path).count(b"unmistakable") == 1
    assert [one.text for record in await records_in(tmp_path) for one in record.candidates] == [
        "unmistakable"
    ] * 40


async def test_only_the_owner_may_read(tmp_path):
    async with recording(tmp_path / "records") as recorder:
        recorder.tell(observation())

    (path,) = (tmp_path / "records").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_share_is_chosen_by_the_exchange(tmp_path):
    exchanges = [f"{number:016x}" for number in range(1000)]
    kept = []
    for folder in ("a", "b"):
        async with recording(tmp_path / folder, share=0.25) as recorder:
            for exchange in exchanges:
                recorder.tell(observation((1, 0), exchange=exchange))
        kept.append([record.exchange for record in await records_in(tmp_path / folder)])
        assert {record.share for record in await records_in(tmp_path / folder)} == {0.25}

    assert kept[0] == kept[1]
    assert 200 < len(kept[0]) < 300


def test_what_the_thread_can_t_follow_is_shed(tmp_path):
    """The thread is not started: the slowest disk there is."""
    many = Recorder(settings(tmp_path), secret=SECRET)
    for _ in range(MAX_WAITING + 10):
        many.tell(observation())
    long = Recorder(settings(tmp_path), secret=SECRET)
    page = Candidate("a", "x" * (MAX_WAITING_CHARACTERS // 4))
    for _ in range(5):
        long.tell(observation((1, 0), found=(page, Candidate("b", "y"))))

    assert many.figures() == {"recorded": 0, "shed": 10, "failed": 0, "bytes": 0}
    assert long.figures()["shed"] == 2


class SlowDisk:
    """A clock that has the writing thread wait until it is released, as a disk does."""

    def __init__(self):
        self.release = threading.Event()

    def __call__(self):
        if threading.current_thread() is not threading.main_thread():
            self.release.wait()
        return datetime.now(UTC)


async def test_a_slow_disk_sheds_and_holds_nobody_up(tmp_path):
    disk = SlowDisk()
    recorder = Recorder(settings(tmp_path), secret=SECRET, now=disk)
    recorder.start()
    for _ in range(MAX_WAITING + 1):
        recorder.tell(observation())

    assert recorder.figures() == {"recorded": 0, "shed": 1, "failed": 0, "bytes": 0}
    disk.release.set()
    await recorder.close()
    assert recorder.figures()["recorded"] == MAX_WAITING


async def test_a_disk_that_hangs_is_not_waited_for_at_the_end(tmp_path, caplog):
    disk = SlowDisk()
    recorder = Recorder(settings(tmp_path), secret=SECRET, now=disk, close_within=0.01)
    recorder.start()
    recorder.tell(observation())
    recorder.tell(observation())

    await recorder.close()

    assert recorder.figures() == {"recorded": 0, "shed": 2, "failed": 0, "bytes": 0}
    assert [(line.message, line.records) for line in caplog.records] == [("records that wait are lost", 2)]
    disk.release.set()
    await asyncio.to_thread(recorder._thread.join)
    assert (recorder.figures()["recorded"], recorder.figures()["shed"]) == (2, 0)


async def test_what_can_t_be_recorded_ends_nothing(tmp_path, caplog):
    async with recording(tmp_path) as recorder:
        recorder.tell(observation((1, 0), found=(Candidate("a", "t", score=10**40), Candidate("b", "t"))))
        recorder.tell(observation((1, 0), teams=(0,)))
        recorder.tell(observation())

    assert len(await records_in(tmp_path)) == 1
    assert recorder.figures()["failed"] == 2
    assert [line.message for line in caplog.records] == ["a record could not be made"]


async def test_nothing_is_taken_after_the_end(tmp_path):
    async with recording(tmp_path) as recorder:
        pass
    recorder.tell(observation())
    await recorder.close()

    assert recorder.figures()["shed"] == 1
    assert not list(tmp_path.iterdir())


async def test_one_that_was_never_started_can_be_closed(tmp_path):
    recorder = Recorder(settings(tmp_path / "none"), secret=SECRET)
    recorder.tell(observation())
    await recorder.close()

    assert recorder.figures()["shed"] == 1
    assert not (tmp_path / "none").exists()


def test_digests_without_a_secret_are_refused(tmp_path):
    with pytest.raises(ValueError, match="guessed"):
        Recorder(settings(tmp_path), secret=b"")


async def test_times_are_those_of_the_telling(tmp_path):
    now = datetime(2026, 11, 23, 14, 20, tzinfo=UTC)
    recorder = Recorder(settings(tmp_path), secret=SECRET, now=lambda: now)
    recorder.start()
    recorder.tell(observation())
    await recorder.close()

    assert [record.at for record in await records_in(tmp_path)] == [now]
    assert recorder_module.FLUSH_EVERY <= 1

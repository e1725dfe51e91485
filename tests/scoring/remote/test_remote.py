"""The scorer: what it promises, whatever the API does."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import Unscored
from proxy.figures import MODEL_FIGURES
from proxy.model import Reason
from proxy.policy_remote import RemoteModel
from proxy.scoring.base import ScoreJob
from proxy.scoring.remote.from_policy import remote_scorer
from proxy.scoring.remote.remote import split
from tests.fakes.remotes import LONG, SHORT, api, in_time, job, no_nan, remote
from tests.fakes.rerank_faults import hang, slow, status
from tests.fakes.rerank_server import RerankServer, honest

pytestmark = pytest.mark.wire

MANY = [place / 128 for place in range(100)]


async def reason(scorer, a_job):
    with pytest.raises(Unscored) as unscored:
        await scorer.score(a_job)
    return unscored.value.reason


async def test_texts_are_scored_in_their_order():
    async with RerankServer("cohere_v2") as server, remote(api(server)) as scorer:
        scores = await scorer.score(job(0.5, 0.25, 0.75))

    assert (no_nan(scores.values), scores.values.dtype) == ([0.5, 0.25, 0.75], "float32")
    assert (scores.scorer, server.asked[0].query) == ("remote", "what is this?")


async def test_more_texts_than_a_call_takes_are_split_and_merged():
    async with RerankServer("tei", most=32) as server, remote(api(server), max_batch=32) as scorer:
        scores = await scorer.score(job(*MANY))

    assert no_nan(scores.values) == pytest.approx(MANY, abs=1e-4)
    assert sorted(len(asked.texts) for asked in server.asked) == [25, 25, 25, 25]
    assert server.complaints == []


@given(st.integers(1, 1000), st.integers(1, 100))
def test_parts_cover_all_places_once_in_as_few_as_possible(count, most):
    parts = split(count, most)

    assert [place for part in parts for place in range(count)[part]] == list(range(count))
    assert len(parts) == math.ceil(count / most)
    sizes = [part.stop - part.start for part in parts]
    assert 1 <= max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1


async def test_no_more_calls_than_allowed_are_under_way_at_once():
    limits = {"max_batch": 5, "concurrency": 3}
    async with RerankServer("tei", slow(0.002)) as server, remote(api(server), **limits) as scorer:
        scores = await scorer.score(job(*MANY))

    assert (len(no_nan(scores.values)), server.most_at_once) == (100, 3)


class For:
    """Behave like this towards calls with a text that holds a word, honestly towards others."""

    def __init__(self, word, behave):
        self._word, self._behave = word, behave

    async def __call__(self, exchange):
        ours = any(self._word in text for text in exchange.asked.texts)
        await (self._behave if ours else honest)(exchange)


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (hang, Reason.LATE),
        (status("500 Oops"), Reason.REMOTE_ERROR),
        (status("200 OK", b"[]"), Reason.BAD_RESPONSE),
        (status("422 Too much"), Reason.REMOTE_REFUSED),
    ],
)
async def test_a_part_that_fails_is_missing_alone(fault, missing):
    seconds = SHORT if fault is hang else LONG
    async with (
        RerankServer("tei", For("passage 3:", fault)) as server,
        remote(api(server), max_batch=2, linger=0.0) as scorer,
    ):
        scores = await scorer.score(job(0.5, 0.25, 0.75, 1.0, 0.125, seconds=seconds))

    assert no_nan(scores.values) == [0.5, 0.25, 0.75, None, None]
    assert scores.missing is missing


async def test_parts_are_told_when_they_come():
    told = {}
    async with (
        RerankServer("tei", For("passage 2:", hang)) as server,
        remote(api(server), max_batch=1, linger=0.0) as scorer,
    ):
        await scorer.score(job(0.5, 0.25, 0.75, seconds=SHORT, found=told.__setitem__))

    assert told == {0: 0.5, 1: 0.25}


async def test_of_a_list_no_part_is_told():
    """Its scores hold for the whole of it alone."""
    told = {}
    async with RerankServer("jina") as server, remote(api(server), pointwise=False) as scorer:
        await scorer.score(job(0.5, 0.25, found=told.__setitem__))

    assert (told, scorer.pointwise) == ({}, False)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (status("200 OK", b"[]"), Reason.BAD_RESPONSE),
        (status("429 Slow Down"), Reason.RATE_LIMITED),
        (status("500 Oops"), Reason.REMOTE_ERROR),
        (status("401 Who"), Reason.REMOTE_DENIED),
        (status("404 What"), Reason.REMOTE_REFUSED),
    ],
)
async def test_without_any_scores_it_says_why(fault, why):
    async with RerankServer("tei", fault) as server, remote(api(server)) as scorer:
        assert await reason(scorer, job(0.5, 0.25)) is why


async def test_it_is_ready_though_the_api_is_away():
    """A reranker that is down must not keep the proxy, or its pod, from serving."""
    async with RerankServer("tei") as server:
        gone = api(server)
    async with remote(gone) as scorer:
        assert scorer.ready
        assert await reason(scorer, job(0.5, 0.25)) is Reason.REMOTE_ERROR
    assert not scorer.ready


async def test_an_api_that_hangs_is_late_at_the_deadline():
    async with RerankServer("tei", hang) as server, remote(api(server), linger=LONG) as scorer:
        asked = job(0.5, 0.25, seconds=SHORT)

        assert await reason(scorer, asked) is Reason.LATE
        assert asyncio.get_running_loop().time() < asked.deadline + 1


async def test_a_job_that_comes_too_late_is_late():
    async with RerankServer("tei") as server, remote(api(server)) as scorer:
        assert await reason(scorer, job(0.5, seconds=-1)) is Reason.LATE

    assert server.asked == []


async def test_a_call_that_nobody_waits_for_any_more_ends_soon():
    async with RerankServer("tei", hang) as server, remote(api(server), linger=0.01) as scorer:
        task = asyncio.create_task(scorer.score(job(0.5)))
        await server.reached.wait()
        task.cancel()
        async with asyncio.timeout(LONG / 2):
            await asyncio.wait(scorer._parts._running)

    assert task.cancelled()


async def test_what_comes_too_late_is_told_all_the_same():
    """It has been paid for, and the next search may want it."""
    go, told = asyncio.Event(), asyncio.Queue()

    async def held(exchange):
        await go.wait()
        await honest(exchange)

    async with RerankServer("tei", held) as server, remote(api(server), linger=LONG) as scorer:
        found = lambda place, score: told.put_nowait((place, score))  # noqa: E731
        assert await reason(scorer, job(0.5, seconds=SHORT, found=found)) is Reason.LATE
        go.set()
        async with asyncio.timeout(LONG):
            assert await told.get() == (0, 0.5)

        server.behaviour = honest
        await scorer.score(job(0.5))
        assert server.connections == 1


async def test_calls_that_hang_are_given_up_and_their_places_are_free_again():
    async with RerankServer("tei", hang) as server, remote(api(server), concurrency=1, linger=0.01) as scorer:
        assert await reason(scorer, job(0.5, seconds=SHORT)) is Reason.LATE
        server.behaviour = honest
        await asyncio.wait(scorer._parts._running)

        assert no_nan((await scorer.score(job(0.5))).values) == [0.5]


async def test_a_call_that_is_late_keeps_no_other_from_its_place():
    async with RerankServer("tei", hang) as server, remote(api(server), concurrency=1, linger=LONG) as scorer:
        assert await reason(scorer, job(0.5, seconds=SHORT)) is Reason.LATE
        server.behaviour = honest

        assert scorer.reach(job(0.5)) == 1
        assert no_nan((await scorer.score(job(0.5))).values) == [0.5]
        assert len(scorer._parts) == 1


async def test_of_the_calls_that_are_late_the_first_ones_are_given_up():
    async with RerankServer("tei", hang) as server, remote(api(server), concurrency=2, linger=LONG) as scorer:
        for _ in range(3):
            late = (job(0.5, seconds=SHORT), job(0.5, seconds=SHORT))
            assert await asyncio.gather(*(reason(scorer, one) for one in late)) == [Reason.LATE] * 2
        async with asyncio.timeout(LONG / 2):
            while len(scorer._parts) > 2:
                await asyncio.wait(scorer._parts._running, return_when=asyncio.FIRST_COMPLETED)

        assert len(server.asked) == 6
        assert not scorer._places.taken


async def test_who_waits_for_a_place_until_its_deadline_is_overloaded():
    async with RerankServer("tei", hang) as server, remote(api(server), concurrency=1, linger=0.0) as scorer:
        other = asyncio.create_task(scorer.score(job(0.5)))
        await server.reached.wait()

        assert await reason(scorer, job(0.5, seconds=SHORT)) is Reason.OVERLOADED
        assert len(server.asked) == 1
        other.cancel()


async def test_concurrent_jobs_get_their_own_scores():
    async with (
        RerankServer("vllm", slow(0.001)) as server,
        remote(api(server), max_batch=3, concurrency=16) as scorer,
    ):
        jobs = [
            job(*(number + place / 10 for place in range(7)), query=f"{number}?") for number in range(100)
        ]
        scores = await asyncio.gather(*map(scorer.score, jobs))

    for number, one in enumerate(scores):
        assert no_nan(one.values) == pytest.approx([number + place / 10 for place in range(7)])
    assert all(text.startswith("passage") for asked in server.asked for text in asked.texts)
    assert all(asked.texts[0].split()[-1].split(".")[0] == asked.query[:-1] for asked in server.asked)


async def test_callers_that_leave_leave_nothing_behind():
    async with (
        RerankServer("tei", slow(0.005)) as server,
        remote(api(server), max_batch=1, concurrency=2) as scorer,
    ):
        tasks = [asyncio.create_task(scorer.score(job(0.5, 0.25, 0.75))) for _ in range(10)]
        await server.reached.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        scores = await scorer.score(job(0.125, 0.5))

        assert no_nan(scores.values) == [0.125, 0.5]
        assert len(server.asked) <= 2 + 2
        assert len(scorer._parts) == len(scorer._asking._tasks) == 0
    assert all(task.cancelled() for task in tasks)


async def test_odd_texts_are_sent_as_something_that_an_api_takes():
    """An empty text, or half a character, would have the whole request refused."""
    query, texts = "half \ud83d?", ("", "  \n", "caf\u00e9 \udcff 0.5", "\ud83d 1")
    async with RerankServer("jina") as server:
        server.behaviour = status("200 OK", b"[]")
        async with remote(api(server)) as scorer:
            await reason(scorer, ScoreJob(query, texts, in_time()))

    assert (server.asked[0].query, server.asked[0].texts) == ("half ??", (".", ".", "caf\u00e9 ? 0.5", "? 1"))


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_what_is_read_of_a_text_is_its_start(text):
    readable = _unstarted(max_tokens=16).readable(text)

    assert len(readable.encode()) <= 64
    assert text.encode("utf-8", "replace").decode().startswith(readable)


def _unstarted(dialect="tei", url="http://127.0.0.1:1", model="", **more):
    policy = RemoteModel(kind="remote", dialect=dialect, url=url, model=model, **more)
    return remote_scorer("remote", policy)


def test_all_that_decides_a_score_is_in_the_identity():
    identities = {
        _unstarted().identity,
        _unstarted(dialect="llama_cpp").identity,
        _unstarted(url="http://127.0.0.1:2").identity,
        _unstarted(model="another").identity,
        _unstarted(max_tokens=100).identity,
    }

    assert len(identities) == 5
    assert _unstarted().identity == _unstarted(concurrency=3, retry_share=0.0, max_batch=5).identity


async def test_it_is_expected_to_reach_everything_until_it_is_known_to_be_slow():
    async with RerankServer("tei") as server, remote(api(server), max_batch=2, concurrency=2) as scorer:
        assert (scorer.reach(job(*MANY, seconds=0.001)), scorer.usual_reach(0.001).texts) == (100, math.inf)

        scorer._asking.latency.took(0.2)
        assert [scorer.usual_reach(seconds) for seconds in (0.1, 0.25, 0.45)] == [
            (0, Reason.LATE),
            (4, Reason.LATE),
            (8, Reason.LATE),
        ]
        assert (scorer.reach(job(*MANY, seconds=0.25)), scorer.reach(job(0.5, seconds=0.25))) == (4, 1)
        assert scorer.reach(ScoreJob("?", ("a",) * 9, math.inf)) == 9


async def test_it_reaches_nothing_while_the_api_wants_to_be_left_alone():
    busy = status("429 Slow Down", b"", "Retry-After: 60")
    async with RerankServer("tei", busy) as server, remote(api(server)) as scorer:
        await reason(scorer, job(0.5))

        assert (scorer.reach(job(0.5)), scorer.usual_reach(1.0)) == (0, (0, Reason.RATE_LIMITED))
        with pytest.raises(Unscored) as unscored:
            await scorer.score(job(0.5))
        assert unscored.value.retry_after == pytest.approx(60, abs=5)
        assert len(server.asked) == 1


async def test_a_pause_of_our_own_is_not_told_as_a_wish_of_the_api():
    """A breaker takes a time that is named at its word."""
    async with RerankServer("tei", status("429 Slow Down")) as server, remote(api(server)) as scorer:
        for _ in range(3):
            with pytest.raises(Unscored) as unscored:
                await scorer.score(job(0.5))
            assert (unscored.value.reason, unscored.value.retry_after) == (Reason.RATE_LIMITED, None)

        assert (len(server.asked), scorer.reach(job(0.5))) == (2, 0)


async def test_of_a_list_that_is_too_long_only_the_start_is_scored():
    """Scores of two lists must not be mixed."""
    limits = {"max_batch": 2, "pointwise": False}
    async with RerankServer("jina") as server, remote(api(server), **limits) as scorer:
        scores = await scorer.score(job(0.5, 0.25, 0.75))

        assert (no_nan(scores.values), scores.missing) == ([0.5, 0.25, None], Reason.TOO_LONG)
        assert (len(server.asked), scorer.reach(job(0.5, 0.25, 0.75))) == (1, 2)


async def test_an_endless_deadline_is_one():
    async with RerankServer("tei") as server, remote(api(server)) as scorer:
        scores = await scorer.score(ScoreJob("?", ("a 0.5",), math.inf))

    assert no_nan(scores.values) == [0.5]


async def test_all_that_it_tells_is_exported():
    async with RerankServer("tei") as server, remote(api(server)) as scorer:
        await scorer.score(job(0.5))

        assert scorer.figures()["remote_calls"] == 1
        assert set(scorer.figures()) <= set(MODEL_FIGURES)

"""One exchange, whatever happens in it: the app gets the store's rows, and a reason."""

from __future__ import annotations

import asyncio
import logging

import orjson
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from proxy.errors import UPSTREAM_UNREACHABLE, Oversized, Unanswerable, Undecodable
from proxy.evidence.evidence import Evidence
from proxy.evidence.experiments import Experiments
from proxy.evidence.feedback import Feedback
from proxy.evidence.shadow import ShadowStats
from proxy.model import Forward, Reason, WireRequest, WireResponse
from proxy.names import CollectionNames
from proxy.pipeline import Pipeline
from proxy.policy import Policy, Rule
from proxy.policy_evidence import Feedback as FeedbackSettings
from proxy.pulse import Pulse
from proxy.scoring.ranker import Ranker
from proxy.scoring.tiers import Tiers
from proxy.scoring.warm_up import Learner
from proxy.telemetry import Telemetry
from tests.fakes.odd_scorers import FAULTY, Halfway, Hanging, NeverReady, Reversing, TermOverlap
from tests.fakes.toy_codec import NO_HEADERS, ToyCodec, ToyStore, toy_request

TEN = (10, 0, "q")


class Exchanges:
    """A pipeline over a toy store."""

    def __init__(self, store, scorer, codec, evidence=None, **rule):
        policy = Policy.model_validate(
            {
                "stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://toys"}],
                "rules": [{"budget_ms": 30_000, **rule}],
                "feedback": {"listen": "127.0.0.1:0"},
                "secret": "for this test alone",
            }
        )
        self.store = store
        self.pulse = Pulse()
        self.scorer = scorer
        self.ranker = Ranker(Tiers([scorer]))
        self.pipeline = Pipeline(
            store="chroma",
            policy=policy,
            codec=codec,
            names=CollectionNames(None, store.fetch),
            fetch=store.fetch,
            rankers={Rule().scoring: self.ranker},
            telemetry=Telemetry(),
            learners={"default": scorer} if isinstance(scorer, Learner) else {},
            pulse=self.pulse,
            evidence=evidence,
        )

    async def __aenter__(self):
        if not isinstance(self.scorer, NeverReady):
            await self.scorer.start()
        return self

    async def __aexit__(self, *_):
        await self.scorer.close()
        await self.ranker.close()
        await self.pipeline.close()

    async def run(self, *searches, headers=()):
        return await self.pipeline.run(toy_request(*searches, headers=headers))


def exchanges(store=None, scorer=None, codec=None, **rest):
    return Exchanges(store or ToyStore(), scorer or Reversing(), codec or ToyCodec(), **rest)


def rows(answer):
    return orjson.loads(answer.body)


def story(answer):
    """The outcome, its reason and nothing else."""
    headers = dict(answer.headers)
    return " ".join(headers[name] for name in ("x-midrank", "x-midrank-reason") if name in headers)


async def test_the_page_is_cut_from_the_reranked_window():
    async with exchanges() as here:
        answer = await here.run(TEN)

    assert rows(answer) == [list(range(49, 39, -1))]
    assert story(answer) == "reranked"
    assert answer.headers["x-midrank-scored"] == "50/50"
    assert answer.headers["server-timing"].startswith("midrank;dur=")


async def test_pages_are_disjoint_and_the_store_s_tail_follows():
    async with exchanges() as here:
        pages = [rows(await here.run((10, offset, "q")))[0] for offset in (0, 10, 20, 30, 40)]
        across = await here.run((10, 45, "q"))
        beyond = await here.run((10, 50, "q"))

    assert [row for page in pages for row in page] == list(range(49, -1, -1))
    assert rows(across) == [[4, 3, 2, 1, 0, 50, 51, 52, 53, 54]]
    assert story(beyond) == "passed beyond_window"


async def test_fewer_rows_than_asked_is_no_error():
    async with exchanges(ToyStore(size=3)) as here:
        assert rows(await here.run(TEN)) == [[2, 1, 0]]


async def test_every_search_of_a_call_has_its_own_ranking():
    async with exchanges(scorer=TermOverlap()) as here:
        answer = await here.run((2, 0, "7"), (2, 0, "9"))

    assert rows(answer) == [[7, 0], [9, 0]]


async def test_a_partial_ranking_says_how_far_it_came():
    async with exchanges(scorer=Halfway()) as here:
        answer = await here.run(TEN)

    assert story(answer) == "partial late"
    assert answer.headers["x-midrank-scored"] == "25/50"


@pytest.mark.parametrize("make", [make for make in FAULTY if make is not Hanging])
async def test_a_broken_scorer_leaves_the_page_the_store_would_have_sent(make):
    async with exchanges(scorer=make()) as here:
        answer = await here.run(TEN)

    assert rows(answer) == [list(range(10))]
    assert answer.headers["x-midrank"] == "fallback"


async def test_a_hanging_scorer_costs_the_budget_and_no_more():
    async with exchanges(scorer=Hanging(), budget_ms=50) as here:
        answer = await here.run(TEN)

    assert rows(answer) == [list(range(10))]
    assert story(answer) == "fallback late"


async def test_without_a_text_the_original_goes_on():
    async with exchanges() as here:
        answer = await here.run((10, 0, None))

    assert isinstance(answer, Forward)
    assert story(answer) == "passed no_query_text"
    assert here.store.asked == []


async def test_a_request_that_is_not_understood_goes_on():
    async with exchanges() as here:
        answer = await here.pipeline.run(toy_request(TEN)._replace(body=b"{"))

    assert story(answer) == "passed undecodable_request"


async def test_an_answer_that_is_not_understood_is_asked_for_again_as_it_was():
    odd = WireResponse(200, NO_HEADERS, b"{}")
    async with exchanges(ToyStore(answer=odd)) as here:
        first, second = await here.run(TEN), await here.run(TEN)

    assert isinstance(first, Forward)
    assert story(first) == "fallback undecodable_reply"
    assert story(second) == "passed refused", "the next search does not pay again"


async def test_a_refused_window_is_learnt():
    async with exchanges(ToyStore(limit=30)) as here:
        first, second = await here.run(TEN), await here.run(TEN)

    assert rows(first) == [list(range(10))]
    assert story(first) == "fallback refused"
    assert rows(second) == [list(range(29, 19, -1))]
    assert story(second) == "reranked"


async def test_a_refusal_without_a_limit_leaves_the_collection_alone():
    async with exchanges(ToyStore(limit=30, says_limit=False)) as here:
        first, second = await here.run(TEN), await here.run(TEN)

    assert story(first) == "fallback refused"
    assert story(second) == "passed refused"


async def test_an_app_s_own_mistake_is_answered_by_the_store_and_taught_to_nobody():
    """Else one app with wrong requests could switch reranking off for all others."""
    async with exchanges(ToyStore(limit=5)) as here:
        wrong, right = await here.run((10, 0, "q")), await here.run((3, 0, "q"))

    assert wrong.status == 400
    assert story(wrong) == "passed store_error"
    assert story(right) == "fallback refused"


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 429, 500, 503])
async def test_a_store_s_error_is_passed_on_and_never_repeated(status):
    error = WireResponse(status, CIMultiDictProxy(CIMultiDict({"retry-after": "3"})), b"no")
    async with exchanges(ToyStore(answer=error)) as here:
        answer = await here.run(TEN)

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, b"no", "3")
    assert story(answer) == "passed store_error"
    assert len(here.store.asked) == 1


async def test_an_answer_too_large_to_hold_is_streamed_instead():
    async with exchanges(ToyStore(answer=Oversized())) as here:
        assert story(await here.run(TEN)) == "passed too_large"
        assert story(await here.run(TEN)) == "passed refused"


async def test_a_store_that_is_down_is_the_listener_s_to_tell():
    async with exchanges(ToyStore(answer=Unanswerable(UPSTREAM_UNREACHABLE, "refused"))) as here:
        with pytest.raises(Unanswerable):
            await here.run(TEN)


async def test_an_app_that_asks_for_very_much_by_itself_does_not_switch_others_off():
    async with exchanges(ToyStore(answer=Oversized())) as here:
        assert story(await here.run((500, 0, "q"))) == "passed too_large"
        assert story(await here.run((500, 0, "q"))) == "passed too_large"


async def test_an_answer_in_an_unknown_coding_is_asked_for_again_as_it_was():
    async with exchanges(ToyStore(answer=Undecodable("br"))) as here:
        assert story(await here.run(TEN)) == "fallback undecodable_reply"
        assert story(await here.run(TEN)) == "passed refused", "the next search does not pay again"


async def test_what_the_listener_sends_on_unread_says_so_too():
    async with exchanges() as here:
        assert story(here.pipeline.unread(Reason.TOO_LARGE)) == "passed too_large"


async def test_a_mistake_of_ours_costs_the_reranking_only(caplog):
    class Broken(ToyCodec):
        def decode_request(self, request):
            raise ZeroDivisionError

    async with exchanges(codec=Broken()) as here:
        answer = await here.run(TEN)

    assert story(answer) == "fallback internal_error"
    assert "exchange failed" in caplog.messages


async def test_the_budget_covers_what_was_spent_before_the_store_was_asked():
    scorer = Reversing()
    async with exchanges(scorer=scorer) as here:
        await here.run(TEN, headers=[("x-midrank-budget-ms", "1000")])
        assert scorer.jobs[0].deadline - asyncio.get_running_loop().time() < 1


async def test_in_shadow_the_store_answers_alone_and_is_asked_again_behind_that():
    class Announcing(Reversing):
        asked = asyncio.Event()

        async def score(self, job):
            self.asked.set()
            return await super().score(job)

    scorer = Announcing()
    async with exchanges(scorer=scorer, mode="shadow") as here:
        answer = await here.run(TEN)
        assert isinstance(answer, Forward)
        assert story(answer) == "passed shadow"
        assert here.store.asked == []
        answer.then()
        async with asyncio.timeout(5):
            await scorer.asked.wait()


async def test_a_store_that_asks_for_less_is_not_asked_behind_the_answer_for_a_while():
    """Its own app's searches are answered 429 too, and would be more often for ours."""
    shadow = ShadowStats()
    store = ToyStore(answer=WireResponse(429, NO_HEADERS, b""))
    async with exchanges(store, mode="shadow", evidence=Evidence(shadow=shadow)) as here:
        for _ in range(3):
            (await here.run(TEN)).then()
            async with asyncio.timeout(5):
                while len(list(shadow.figures())) == 0:  # noqa: ASYNC110 - it happens behind the answer
                    await asyncio.sleep(0)
        asked = len(store.asked)
        ((_, told),) = dict(shadow.figures()).items()

    assert asked == 1
    assert (told["shed"], told["searches"]) == (3, 0)


TOO_MUCH = WireResponse(429, NO_HEADERS, b"")


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (ToyStore(), "reranked"),
        (ToyStore(answer=TOO_MUCH), "passed store_error"),
        (ToyStore(limit=5), "fallback refused"),
        (ToyStore(answer=Oversized()), "passed too_large"),
        (ToyStore(answer=WireResponse(200, NO_HEADERS, b"junk")), "fallback undecodable_reply"),
        (ToyStore(answer=ZeroDivisionError()), "fallback internal_error"),
    ],
    ids=lambda one: one.replace(" ", "-") if isinstance(one, str) else "",
)
async def test_both_sides_of_a_trial_name_their_answers_however_these_came_about(store, said):
    """An answer that can't be posted about would count as one of no use, on one side alone."""
    feedback = Feedback(FeedbackSettings(listen="127.0.0.1:0"), clock=lambda: 0.0)
    experiments = Experiments(b"secret", lambda: 0.0)
    evidence = Evidence(experiments=experiments, feedback=feedback)
    rule = {"experiment": {"kind": "ab", "header": "x-user", "share": 0.5}}
    side_of = {str(user): experiments.arm(Rule(**rule), {"x-user": str(user)}).name for user in range(20)}
    user, other = (
        next(one for one, side in side_of.items() if side == wanted) for wanted in ("control", "treatment")
    )
    async with exchanges(store, evidence=evidence, **rule) as here:
        control = await here.run((5, 0, "q"), headers=[("x-user", user)])
        treated = await here.run((5, 0, "q"), headers=[("x-user", other)])

    assert (story(control), story(treated)) == ("passed control", said)
    for answer, side in ((control, "control"), (treated, "treatment")):
        headers = dict(answer.headers)
        assert headers["x-midrank-experiment"] == side
        assert len(headers["x-midrank-exchange"]) == 16


async def test_fallbacks_are_logged_once_each_with_their_reason_and_no_text(caplog):
    async with exchanges(scorer=NeverReady()) as here:
        with caplog.at_level(logging.INFO):
            await here.run((10, 0, "secret words"))

    (record,) = caplog.records
    assert (record.getMessage(), record.reason, record.store) == ("search fell back", "warming", "chroma")
    assert "secret" not in repr(vars(record))


async def test_two_hundred_searches_at_once_do_not_mix():
    async with exchanges(ToyStore(size=200), TermOverlap(), candidates={"min": 200, "max": 200}) as here:
        answers = await asyncio.gather(*(here.run((1, 0, str(number))) for number in range(200)))

    assert [rows(answer) for answer in answers] == [[[number]] for number in range(200)]


# --- writes ----------------------------------------------------------------------------------


class Pupil(Reversing):
    """Learns the texts of writes, and does not use them."""

    eager = True

    def __init__(self):
        super().__init__()
        self.learnt = asyncio.Queue()

    def learn(self, texts):
        self.learnt.put_nowait(texts)


async def test_documents_on_their_way_into_the_store_are_learnt_by_the_models_that_will_rerank_them():
    async with exchanges(scorer=Pupil()) as here:
        assert here.pipeline.wants_write("PUT", "/toys/rows")
        here.pipeline.written(WireRequest("PUT", "/toys/rows", NO_HEADERS, b'["a","b"]'))
        assert await here.scorer.learnt.get() == ["a", "b"]


@pytest.mark.parametrize(
    ("method", "target", "rule"),
    [
        ("POST", "/toys/search", {}),
        ("PUT", "/toys/rows", {"mode": "off"}),
        ("PUT", "/toys/rows", {"match": {"collection": "others"}}),
    ],
)
async def test_documents_that_no_search_will_rerank_are_not_wanted(method, target, rule):
    async with exchanges(scorer=Pupil(), **rule) as here:
        assert not here.pipeline.wants_write(method, target)


async def test_models_that_learn_nothing_want_nothing():
    async with exchanges() as here:
        assert not here.pipeline.wants_write("PUT", "/toys/rows")

"""A desk of feedback that no socket reaches: what was shown is made up, and time stands still."""

from __future__ import annotations

import random
from types import SimpleNamespace

from proxy.evidence.experiments import Arm
from proxy.evidence.feedback import Feedback
from proxy.evidence.posts import Post
from proxy.model import Candidate
from proxy.policy_evidence import Feedback as Settings
from proxy.stats.team_draft import team_draft
from tests.fakes.clocks import Clock
from tests.fakes.observations import observation

REVERSED = tuple(range(10))[::-1]


def name(number):
    return f"{number:016x}"


def desk(**settings):
    """Run feedback with a clock that stands still; `judged` is what came out of it."""
    clock, judged = Clock(), []
    given = {"listen": "127.0.0.1:0", "remember_s": 60, **settings}
    feedback = Feedback(Settings.model_validate(given), clock=clock, judged=judged.append)

    def say(number=1, signal="used", *ids, trace=""):
        *_, heard = feedback.hear(Post("" if trace else name(number), trace, signal, frozenset(ids)))
        return heard.word

    def draw(number=1, query=None, order=REVERSED, coins=None, **kwargs):
        """Show a draft; give the ids that each side has drawn."""
        seed = number if coins is None else coins
        draft = team_draft(range(len(order)), order, random.Random(seed))
        seen = observation(
            order,
            shown="interleaved",
            shown_order=draft.order,
            teams=draft.teams,
            exchange=name(number),
            query=query or f"query {number}",
            limit=len(order),
            **kwargs,
        )
        feedback.tell(seen)
        drawn = list(zip(draft.order, draft.teams, strict=True))
        return tuple([f"d{index}" for index, team in drawn if team == side] for side in (0, 1))

    def wait(seconds):
        clock.now += seconds
        for number in range(20):  # they are forgotten as others come
            feedback.tell(observation(collection="elsewhere", exchange=name(10**6 + number)))

    def found(collection="docs"):
        return dict(feedback.evidence()).get(("chroma", collection), {})

    return SimpleNamespace(
        feedback=feedback, clock=clock, judged=judged, say=say, draw=draw, wait=wait, found=found
    )


def arm(side, caller):
    return Arm(side, caller, 0.5)


def candidates(letter):
    """Return ten candidates of another kind than those of observations."""
    return [Candidate(f"{letter}{place}", "t") for place in range(10)]

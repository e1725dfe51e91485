"""`midrank proof`: what live traffic says about whether reranking is worth it, and whether it harms."""

from __future__ import annotations

from deploy.observability.dashboards.board import Board, Panel, Row, Word
from deploy.observability.dashboards.queries import Query, collection, process, rate
from deploy.observability.dashboards.variables import OF_COLLECTIONS

_PLACE = ("midrank_store", "db_collection_name")
_WHERE = "{{midrank_store}}/{{db_collection_name}}"
_SOURCE = f"{_WHERE} " + "{{midrank_kind}}"


def _most(metric: str, *by: str) -> str:
    return f"max by ({', '.join((*_PLACE, *by))}) ({collection(metric)})"


def _with_bounds(metric: str, *by: str, legend: str) -> tuple[Query, ...]:
    """Return an estimate and both ends of its interval.

    The mean over processes of each: they watch for themselves, and none knows what the others have seen.
    """
    labels = ", ".join((*_PLACE, *by))
    return tuple(
        Query(f"avg by ({labels}) ({collection(f'{metric}{end}')})", f"{legend}{word}")
        for end, word in (("", ""), ("_low", " low"), ("_high", " high"))
    )


SHADOW = Row(
    "What reranking would change (mode: shadow, and where the harm guard has switched off)",
    (
        Panel(
            "Likeness of both orders",
            "overlap: share of the page that stays on it. rbo: likeness of the whole, the top weighing "
            "most. Near 1 there is nothing to win; below, nothing is proven yet.",
            "percentunit",
            (
                Query(_most("midrank_shadow_overlap"), f"{_WHERE} overlap"),
                Query(_most("midrank_shadow_rbo"), f"{_WHERE} rbo"),
                Query(_most("midrank_shadow_displaced"), f"{_WHERE} other first row"),
            ),
        ),
        Panel(
            "Time it would add",
            "What rankings behind the answer took: what searches would have waited.",
            "s",
            tuple(
                Query(_most(f"midrank_shadow_added_{q}_seconds"), f"{_WHERE} {q}")
                for q in ("p50", "p95", "p99")
            ),
        ),
        Panel(
            "Ranked and shed",
            "One at a time for each store; others are shed, so that live traffic is never slowed down.",
            "reqps",
            (Query(rate(collection("midrank_shadow_searches_total"), *_PLACE, "midrank_kind"), _SOURCE),),
            "stack",
        ),
    ),
)

PREFERENCE = Row(
    "What people prefer (experiment: interleave)",
    (
        Panel(
            "Preference",
            "From -1, the store's order, to 1, the reranked one, with its 95 % interval, which holds "
            "whenever one looks. 0.2 is 60 to 40.",
            "none",
            _with_bounds("midrank_preference", legend=_WHERE),
        ),
        Panel(
            "How likely by accident",
            "p-value of no preference, valid at all times; below 0.05 it is said which order is preferred.",
            "none",
            (Query(f"min by ({', '.join(_PLACE)}) ({collection('midrank_preference_p')})", _WHERE),),
        ),
        Panel(
            "Answers that feedback spoke for",
            "By the order whose rows were of use.",
            "suffix: /s",
            (Query(rate(collection("midrank_preference_answers_total"), *_PLACE, "midrank_kind"), _SOURCE),),
            "stack",
        ),
    ),
)

TRIAL = Row(
    "Whole callers with and without (experiment: ab)",
    (
        Panel(
            "Difference",
            "Share of answers of use, reranked less the store's own, with its 95 % interval.",
            "percentunit",
            _with_bounds("midrank_trial_difference", legend=_WHERE),
        ),
        Panel(
            "Callers, and answers that wait",
            "On each side of the test; answers whose time for feedback is not over.",
            "none",
            (
                Query(
                    f"sum by ({', '.join(_PLACE)}, midrank_kind) ({collection('midrank_trial_callers')})",
                    _SOURCE,
                ),
                Query(
                    f"sum by ({', '.join(_PLACE)}) ({collection('midrank_trial_waiting')})",
                    f"{_WHERE} waiting",
                ),
                Query(rate(collection("midrank_trial_left_out_total"), *_PLACE), f"{_WHERE} forgotten/s"),
            ),
        ),
        Panel(
            "Is the split fair",
            "How likely so uneven a split is. Below 0.001, something other than the lot decides who is "
            "where: don't trust the difference.",
            "none",
            (Query(f"min by ({', '.join(_PLACE)}) ({collection('midrank_trial_split_p')})", _WHERE),),
        ),
    ),
)

HARM = Row(
    "The harm guard",
    (
        Panel(
            "Alarms",
            "Collections that reranking surely harms.",
            "none",
            (Query(_most("midrank_harm_alarm"), _WHERE),),
            "states",
            words=(Word(0, "no harm proven", "green"), Word(1, "harm", "red")),
        ),
        Panel(
            "Switched off",
            "Collections that are left in the store's order (auto_off).",
            "none",
            (Query(_most("midrank_harm_off"), _WHERE),),
            "states",
            words=(Word(0, "reranked", "green"), Word(1, "switched off", "orange")),
        ),
        Panel(
            "Lift, by source",
            "NDCG@5 of the reranked order less that of the store's (probes, reference), or preference; with"
            " its interval. An alarm is raised where its high end is below min_lift.",
            "none",
            _with_bounds("midrank_harm_lift", "midrank_kind", legend=_SOURCE),
        ),
        Panel(
            "Evidence",
            "Searches that the lift rests on.",
            "none",
            (
                Query(
                    f"sum by ({', '.join(_PLACE)}, midrank_kind) ({collection('midrank_harm_evidence')})",
                    _SOURCE,
                ),
            ),
        ),
        Panel(
            "The reference model",
            "Searches that it was shown: looked at, shed for want of time, failed.",
            "suffix: /s",
            (Query(rate(process("midrank_harm_reference_total"), "midrank_kind"), "{{midrank_kind}}"),),
            "stack",
        ),
        Panel(
            "Feedback",
            "Posts by how they were taken. Many unknown: feedback reaches another replica than the one that"
            " answered, or comes too late.",
            "suffix: /s",
            (
                Query(rate(process("midrank_feedback_posts_total"), "midrank_kind"), "{{midrank_kind}}"),
                Query(rate(process("midrank_feedback_forgotten_total")), "answers forgotten early"),
            ),
        ),
    ),
)

PROOF = Board(
    "midrank-proof",
    "midrank proof",
    "What live traffic says about reranking: shadow, interleaving, A/B, the harm guard. See "
    "docs/live-proof.md and docs/harm-guard.md. Every process watches for itself; `midrank report` adds "
    "records up.",
    OF_COLLECTIONS,
    (SHADOW, PREFERENCE, TRIAL, HARM),
)

"""What models and caches tell about themselves, and the metrics that it is exported as."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """How a figure is exported. A `total` only grows; several of one name are told apart by their `kind`."""

    name: str
    unit: str
    description: str
    total: bool = False
    kind: str | None = None


def _total(name: str, unit: str, description: str, kind: str | None = None) -> Figure:
    return Figure(name, unit, description, total=True, kind=kind)


# The names of `scoring.near_guards.Guard`.
GUARDS = (
    "length",
    "language",
    "numbers",
    "units",
    "dates",
    "quoted",
    "identifiers",
    "negation",
    "opposites",
    "names",
    "question",
    "tense",
    "order",
    "reference",
    "content",
)


def _searches(kind: str) -> Figure:
    description = "Searches looked up: all known, some, as a near query, none."
    return _total("midrank.cache.searches", "{search}", description, kind)


def _tokens(kind: str) -> Figure:
    description = "Tokens of prompts and answers; estimated where the server told none."
    return _total("midrank.llm.tokens", "{token}", description, kind)


# What models tell about themselves and the caches around them, by the names under which scorers have it.
MODEL_FIGURES = {
    "ready": Figure("midrank.model.ready", "1", "1 while it can score, 0 before that and where it failed."),
    "failed": Figure("midrank.model.failed", "1", "1 if it could not be loaded."),
    "load": Figure("midrank.model.load", "1", "Model time that is asked for, in units of what there is."),
    "waiting": Figure("midrank.model.waiting", "{text}", "Texts that wait to be computed."),
    "refused": _total("midrank.model.refused", "{search}", "Searches refused: too much to do."),
    "hung": _total("midrank.model.hung", "{call}", "Calls given up: they did not come back."),
    "breaker": Figure("midrank.breaker.state", "1", "0: closed; 1: half open, a probe is due; 2: open."),
    "breaker_openings": _total("midrank.breaker.openings", "{opening}", "Times a model was left alone."),
    "fixed_seconds": Figure("midrank.model.cost.fixed", "s", "Learnt cost of a call, whatever its length."),
    "token_seconds_p50": Figure(
        "midrank.model.cost.token.p50",
        "s",
        "Learnt cost of a usual call, by its tokens, in half of all calls.",
    ),
    "token_seconds_p90": Figure(
        "midrank.model.cost.token.p90", "s", "Learnt cost of a usual call, by its tokens, in nine of ten."
    ),
    "known_texts": Figure("midrank.model.known", "{text}", "Documents whose token matrices are held."),
    "known_bytes": Figure("midrank.model.known.size", "By", "Memory of these token matrices."),
    "warm_up_waiting": Figure("midrank.warm_up.waiting", "{text}", "Texts that wait for idle time."),
    "warm_up_encoded": _total("midrank.warm_up.encoded", "{text}", "Texts encoded in idle time."),
    "warm_up_skipped": _total(
        "midrank.warm_up.skipped", "{text}", "Texts known, or without room, at their turn."
    ),
    "warm_up_dropped": _total("midrank.warm_up.dropped", "{text}", "Texts dropped: too many waited."),
    "warm_up_failed": _total("midrank.warm_up.failed", "{text}", "Texts given up: the model failed on them."),
    "remote_calls": _total("midrank.remote.calls", "{call}", "Calls of rerank APIs, each counted once."),
    "remote_retries": _total(
        "midrank.remote.extra", "{call}", "Calls made once more: after a failure, beside a slow one.", "retry"
    ),
    "remote_hedges": _total(
        "midrank.remote.extra", "{call}", "Calls made once more: after a failure, beside a slow one.", "hedge"
    ),
    "remote_failed": _total("midrank.remote.failed", "{call}", "Calls and retries without scores."),
    "remote_rate_limited": _total("midrank.remote.rate_limited", "{call}", "Calls answered with 429."),
    "remote_bad_answers": _total("midrank.remote.bad_answers", "{call}", "Calls answered with junk."),
    "remote_ejected": Figure("midrank.remote.ejected", "{endpoint}", "Endpoints left out, as they fail."),
    "remote_seconds_p50": Figure(
        "midrank.remote.latency.p50", "s", "Time of a call, in half of the last ones."
    ),
    "remote_seconds_p95": Figure("midrank.remote.latency.p95", "s", "Time of a call, in 19 of 20 of them."),
    "llm_calls": _total("midrank.llm.calls", "{call}", "Calls of large language models."),
    "llm_retries": _total("midrank.llm.retries", "{call}", "Calls made once more, after a failure."),
    "llm_bad_answers": _total("midrank.llm.bad_answers", "{call}", "Answers that are no order and no grade."),
    "llm_input_tokens": _tokens("input"),
    "llm_output_tokens": _tokens("output"),
    "llm_input_tokens_estimated": _tokens("input_estimated"),
    "llm_output_tokens_estimated": _tokens("output_estimated"),
    "llm_cost": _total("midrank.llm.cost", "1", "Cost of all calls, in the currency of the policy's prices."),
    "cache_hits": _searches("exact"),
    "cache_partial_hits": _searches("partial"),
    "cache_near_hits": _searches("near"),
    "cache_misses": _searches("miss"),
    "cache_asked": _total("midrank.cache.asked", "{score}", "Scores that searches wanted."),
    "cache_known": _total("midrank.cache.scores", "{score}", "Scores that needed no model."),
    "cache_shared": _total(
        "midrank.cache.shared", "{score}", "Scores that another search had computed already."
    ),
    **{
        f"near_refused_{guard}": _total(
            "midrank.cache.near.refused", "{query}", "Near queries that a guard refused.", guard
        )
        for guard in GUARDS
    },
    "embedded": _total(
        "midrank.cache.embedded", "{query}", "Queries embedded for the semantic cache.", "done"
    ),
    "missed": _total(
        "midrank.cache.embedded", "{query}", "Queries embedded for the semantic cache.", "missed"
    ),
    "near_uncovered": _total(
        "midrank.cache.near.uncovered", "{query}", "Near queries with too few known scores."
    ),
    "near_audited": _total("midrank.cache.near.audited", "{search}", "Near hits that were scored again."),
    "near_false": _total("midrank.cache.near.false", "{search}", "Near hits whose own scores were others."),
    "near_false_hit_rate": Figure(
        "midrank.cache.near.false_hit_rate", "1", "Share of audited hits that were false."
    ),
    "near_threshold": Figure(
        "midrank.cache.near.threshold", "1", "Least cosine of a near query, as it is now."
    ),
}

# What holds scores and queries tells, by the names under which caches have it.
CACHE_FIGURES = {
    "hits": _total("midrank.cache.reads", "{key}", "Keys read, found or not.", "hit"),
    "misses": _total("midrank.cache.reads", "{key}", "Keys read, found or not.", "miss"),
    "entries": Figure("midrank.cache.entries", "{entry}", "What is held."),
    "bytes": Figure("midrank.cache.size", "By", "Memory of what is held."),
    "evictions": _total("midrank.cache.evictions", "{entry}", "Forgotten for want of room."),
    "expired": _total("midrank.cache.expired", "{entry}", "Forgotten for its age."),
    "up": Figure("midrank.cache.up", "1", "1 while Redis is used, 0 while it is left alone."),
    "waiting_bytes": Figure("midrank.cache.waiting", "By", "What waits to be written to Redis."),
    "dropped": _total("midrank.cache.dropped", "{entry}", "Not written: too much waited, or Redis was gone."),
    **{
        f"errors_{kind}": _total("midrank.cache.errors", "{error}", "What went wrong with Redis.", kind)
        for kind in ("timeout", "connection", "denied", "full", "garbage", "other")
    },
}


def _shadow(kind: str) -> Figure:
    return _total("midrank.shadow.searches", "{search}", "Searches to be ranked behind the answer.", kind)


def _votes(kind: str) -> Figure:
    description = "Answers drawn from both orders, by the order that feedback spoke for."
    return _total("midrank.preference.answers", "{answer}", description, kind)


def _callers(kind: str) -> Figure:
    return Figure("midrank.trial.callers", "{caller}", "Callers in an A/B test.", kind=kind)


# What reranking would have changed, by store and collection: the names of `evidence.shadow`.
SHADOW_FIGURES = {
    "searches": _shadow("ranked"),
    "shed": _shadow("shed"),
    "overlap": Figure("midrank.shadow.overlap", "1", "Share of the page that is the same in both orders."),
    "rank_biased_overlap": Figure("midrank.shadow.rbo", "1", "Rank-biased overlap of both orders."),
    "displaced_top1": Figure("midrank.shadow.displaced", "1", "Share of searches with another first row."),
    "added_p50": Figure("midrank.shadow.added.p50", "s", "Time that half of them would have added at most."),
    "added_p95": Figure("midrank.shadow.added.p95", "s", "Time that 19 of 20 would have added at most."),
    "added_p99": Figure("midrank.shadow.added.p99", "s", "Time that 99 of 100 would have added at most."),
}

# What feedback proves, by store and collection: the names of `evidence.feedback`.
FEEDBACK_FIGURES = {
    "interleave_wins": _votes("reranked"),
    "interleave_losses": _votes("store"),
    "interleave_ties": _votes("neither"),
    "interleave_repeated": _votes("repeated"),
    "interleave_preference": Figure("midrank.preference", "1", "From -1, the store's order, to 1, ours."),
    "interleave_preference_low": Figure("midrank.preference.low", "1", "Low end of its 95 % interval."),
    "interleave_preference_high": Figure("midrank.preference.high", "1", "High end of its 95 % interval."),
    "interleave_p_value": Figure("midrank.preference.p", "1", "How likely it would be by accident."),
    "ab_treatment_callers": _callers("treatment"),
    "ab_control_callers": _callers("control"),
    "ab_waiting": Figure("midrank.trial.waiting", "{answer}", "Answers whose time for feedback is not over."),
    "ab_left_out": _total("midrank.trial.left_out", "{answer}", "Answers forgotten before their time."),
    "ab_difference": Figure("midrank.trial.difference", "1", "Share of answers of use: reranked less store."),
    "ab_difference_low": Figure("midrank.trial.difference.low", "1", "Low end of its 95 % interval."),
    "ab_difference_high": Figure("midrank.trial.difference.high", "1", "High end of its 95 % interval."),
    "ab_split_p_value": Figure("midrank.trial.split.p", "1", "How likely so uneven a split is."),
}

# What became of posts, in all.
POST_FIGURES = {
    word: _total("midrank.feedback.posts", "{post}", "Posts of feedback, by how they were taken.", word)
    for word in ("taken", "already_counted", "not_shown", "unknown")
} | {
    "remembered": Figure("midrank.feedback.remembered", "{exchange}", "Answers that feedback may be about."),
    "forgotten_early": _total(
        "midrank.feedback.forgotten", "{exchange}", "Answers forgotten before their time, for want of room."
    ),
}

# What the harm guard knows, by store and collection, and by source where there are several.
HARM_FIGURES = {
    "state_alarm": Figure("midrank.harm.alarm", "1", "1 where reranking surely does harm."),
    "state_off": Figure("midrank.harm.off", "1", "1 where reranking is switched off for that."),
    **{
        f"{source}_{key}": Figure(name, unit, description, kind=source)
        for source in ("probes", "reference", "preference")
        for key, name, unit, description in (
            ("mean", "midrank.harm.lift", "1", "Lift in NDCG@5, or preference."),
            ("low", "midrank.harm.lift.low", "1", "Low end of its interval."),
            ("high", "midrank.harm.lift.high", "1", "High end of its interval."),
            ("count", "midrank.harm.evidence", "{search}", "Searches that this rests on."),
        )
    },
}
# What became of the searches that a reference model was to look at.
REFERENCE_FIGURES = {
    word: _total("midrank.harm.reference", "{search}", "Searches that a reference model was shown.", word)
    for word in ("looked", "shed", "failed")
}


def _records(kind: str) -> Figure:
    return _total("midrank.records", "{record}", "Records told to be written.", kind)


# What the recorder tells.
RECORD_FIGURES = {
    "recorded": _records("written"),
    "shed": _records("shed"),
    "failed": _records("failed"),
    "bytes": _total("midrank.records.size", "By", "What was written of them."),
}

# What says how busy the process is: its event loop, and by store who is connected.
LOOP_FIGURES = {
    "lag": Figure(
        "midrank.loop.lag", "s", "How late the event loop runs; the latest, or a larger one that fades."
    ),
}
CONNECTION_FIGURES = {
    "connections": Figure("midrank.connections", "{connection}", "Clients that are connected."),
}


# What a followed policy says of memory.
MEMORY_FIGURES = {"limit": Figure("midrank.memory.limit", "By", "Memory that the process may take.")}
SHARE_FIGURES = {"share": Figure("midrank.memory.share", "By", "Memory that a cache may take.")}

# What is told of policies, and of what came of files that were to be the next.
POLICY_FIGURES = {
    "generation": Figure("midrank.policy.generation", "1", "Policies that have been in use, this one too."),
    "rejected": Figure(
        "midrank.policy.rejected", "1", "1 while the file is not what is in use, as there is a mistake in it."
    ),
}
RELOAD_FIGURES = {
    "reloads": _total("midrank.policy.reloads", "{reload}", "Files that were to be the next policy."),
}

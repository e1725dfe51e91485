"""Rows of the overview: is all well, what became of searches, and where their time went."""

from __future__ import annotations

from deploy.observability.dashboards.board import Panel, Row
from deploy.observability.dashboards.queries import (
    MODEL,
    Query,
    process,
    quantile,
    rate,
    share,
    shares,
    store,
)
from proxy.model import Reason

_OUTCOMES = "midrank_rank_outcomes_total"
# Reasons of having had nothing to do. What is left is what midrank meant to rerank.
NOTHING_TO_DO = (
    Reason.MODE_OFF,
    Reason.SHADOW,
    Reason.CONTROL,
    Reason.AUTO_OFF,
    Reason.UNKNOWN_COLLECTION,
    Reason.NO_QUERY_TEXT,
    Reason.BAD_QUERY_HEADER,
    Reason.UNSUPPORTED_SEARCH,
    Reason.BEYOND_WINDOW,
    Reason.TOO_FEW,
    Reason.NO_TEXT,
    Reason.STORE_ERROR,
    Reason.UNDECODABLE_REQUEST,
    Reason.TOO_LARGE,
)
_TRIED = 'midrank_reason!~"{}"'.format("|".join(NOTHING_TO_DO))
# `passed` too, where time or room was too short to begin with.
_FELL_BACK = f'midrank_outcome=~"fallback|passed",{_TRIED}'
_ADDED = "midrank_exchange_added_seconds"
_OVER = "midrank_budget_overshoot_seconds"
_STAGE = "midrank_exchange_stage_seconds"
_REQUESTS = "http_server_request_duration_seconds"

GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Alerts",
            "Alerts of midrank that fire now. Each has its part in docs/operations.md.",
            "none",
            (Query('sum(ALERTS{alertname=~"Midrank.*",alertstate="firing"}) or vector(0)', "firing"),),
            "stat",
            4,
            limits=(1, 1),
        ),
        Panel(
            "Searches",
            "Searches a second, whatever became of them.",
            "reqps",
            (Query(rate(store(_OUTCOMES)), "searches"),),
            "stat",
            4,
        ),
        Panel(
            "Fallbacks",
            "Of the searches that midrank meant to rerank, those answered in the store's own order instead.",
            "percentunit",
            (
                Query(
                    share(
                        f"({rate(store(_OUTCOMES, _FELL_BACK))} or vector(0))",
                        rate(store(_OUTCOMES, _TRIED)),
                    ),
                    "fallbacks",
                ),
            ),
            "stat",
            4,
            limits=(0.05, 0.5),
        ),
        Panel(
            "Added, p95",
            "Time that midrank added to 19 of 20 searches at most: what their answer took less what the "
            "store took.",
            "s",
            (Query(quantile(0.95, store(f"{_ADDED}_bucket")), "added"),),
            "stat",
            4,
        ),
        Panel(
            "Processes",
            "midranks that are scraped, by version. Two versions are a rollout under way, or one that got "
            "stuck.",
            "none",
            (Query(f"count by (midrank_version) ({process('midrank_build')})", "{{midrank_version}}"),),
            "stat",
            4,
        ),
        Panel(
            "Breakers not closed",
            "Models that are left alone in some process, as they failed too often.",
            "none",
            (Query(f"sum({process('midrank_breaker_state')} > bool 0)", "open"),),
            "stat",
            4,
            limits=(1, 1),
        ),
    ),
)

SEARCHES = Row(
    "Searches",
    (
        Panel(
            "Searches by outcome",
            "reranked and cached: in the new order. partial: what could be read in time is ranked. passed: "
            "nothing to do. fallback: the store's own order, as something was late or failed.",
            "reqps",
            (Query(rate(store(_OUTCOMES), "midrank_outcome"), "{{midrank_outcome}}"),),
            "stack",
        ),
        Panel(
            "Fallback share by reason",
            "Of the searches that midrank meant to rerank. The reasons are explained in docs/operations.md.",
            "percentunit",
            (
                Query(
                    shares(
                        rate(store(_OUTCOMES, _FELL_BACK), "midrank_reason"), rate(store(_OUTCOMES, _TRIED))
                    ),
                    "{{midrank_reason}}",
                ),
            ),
            "stack",
        ),
        Panel(
            "Passed and partial, by reason",
            "no_query_text: the application sends no text along. late: the budget was up before all was "
            "read.",
            "reqps",
            (
                Query(
                    rate(
                        store(_OUTCOMES, 'midrank_outcome=~"passed|partial"'),
                        "midrank_outcome",
                        "midrank_reason",
                    ),
                    "{{midrank_outcome}} {{midrank_reason}}",
                ),
            ),
            "stack",
        ),
        Panel(
            "Models without scores, by reason",
            "Models that were considered for a search and gave no scores: the next one of the rule took "
            "over.",
            "reqps",
            (
                Query(
                    rate(store("midrank_rank_attempts_total", 'midrank_reason!=""'), MODEL, "midrank_reason"),
                    "{{reranker_model_name}} {{midrank_reason}}",
                ),
            ),
            "stack",
        ),
        Panel(
            "Depth",
            "Candidates that were scored in time. Load takes this first: what is not read keeps its place.",
            "percentunit",
            (
                Query(
                    share(
                        rate(
                            store("midrank_rank_candidates_total", 'midrank_kind="scored"'), "midrank_store"
                        ),
                        rate(store("midrank_rank_candidates_total"), "midrank_store"),
                    ),
                    "{{midrank_store}}",
                ),
            ),
        ),
        Panel(
            "Requests by status",
            "Everything that comes in, searches and all else. 502 and 504 with x-midrank-error: the store "
            "was not there, or silent.",
            "reqps",
            (
                Query(
                    rate(store(f"{_REQUESTS}_count"), "http_response_status_code"),
                    "{{http_response_status_code}}",
                ),
            ),
            "stack",
        ),
    ),
)

TIME = Row(
    "Time",
    (
        Panel(
            "Added to a search",
            "What the answer took less what the store took. At or below the rule's budget_ms, whatever the "
            "load.",
            "s",
            tuple(Query(quantile(q, store(f"{_ADDED}_bucket")), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
        ),
        Panel(
            "Added, p95 by outcome",
            "cached should take milliseconds; partial takes the whole budget, by its nature.",
            "s",
            (Query(quantile(0.95, store(f"{_ADDED}_bucket"), "midrank_outcome"), "{{midrank_outcome}}"),),
        ),
        Panel(
            "Beyond the budget",
            "How far searches that took more than their budget were beyond it. A few milliseconds are usual"
            " where the CPUs are all busy.",
            "s",
            tuple(Query(quantile(q, store(f"{_OVER}_bucket")), f"p{q * 100:g}") for q in (0.5, 0.95)),
        ),
        Panel(
            "Stages, mean",
            "Where a search spends its time: decode, store, read, rank, encode. The store's part is not "
            "midrank's.",
            "s",
            (
                Query(
                    share(
                        rate(store(f"{_STAGE}_sum"), "midrank_stage"),
                        rate(store(f"{_STAGE}_count"), "midrank_stage"),
                    ),
                    "{{midrank_stage}}",
                ),
            ),
            "stack",
        ),
        Panel(
            "Stages, p95",
            "The slow ones of each stage.",
            "s",
            (Query(quantile(0.95, store(f"{_STAGE}_bucket"), "midrank_stage"), "{{midrank_stage}}"),),
        ),
        Panel(
            "Requests, p95",
            "From the first byte of a request to the last of its answer, the store's time included: "
            "searches (claimed) and what is passed through.",
            "s",
            (
                Query(
                    quantile(0.95, store(f"{_REQUESTS}_bucket"), "midrank_claimed"),
                    "claimed: {{midrank_claimed}}",
                ),
            ),
        ),
    ),
)

"""A row of the overview: what is known, and what that saves."""

from __future__ import annotations

from deploy.observability.dashboards.board import Panel, Row, Word
from deploy.observability.dashboards.queries import (
    MODEL,
    PER_SECOND,
    Query,
    process,
    rate,
    share,
    shares,
    store,
)

CACHES = Row(
    "Caches",
    (
        Panel(
            "Searches by what was known",
            "exact: every score was known, no model ran. partial: some. near: as an earlier query in other "
            "words.",
            "percentunit",
            (
                Query(
                    shares(
                        rate(process("midrank_cache_searches_total"), "midrank_kind"),
                        rate(process("midrank_cache_searches_total")),
                    ),
                    "{{midrank_kind}}",
                ),
            ),
            "stack",
        ),
        Panel(
            "Scores that needed no model",
            "Of the scores that searches wanted: known, or computed by another search at the same moment.",
            "percentunit",
            (
                Query(
                    share(
                        rate(process("midrank_cache_scores_total")),
                        rate(process("midrank_cache_asked_total")),
                    ),
                    "known",
                ),
                Query(
                    share(
                        rate(process("midrank_cache_shared_total")),
                        rate(process("midrank_cache_asked_total")),
                    ),
                    "shared",
                ),
            ),
        ),
        Panel(
            "Near queries: false hits",
            "Of the near hits that were scored again, those whose own scores gave another order; and how "
            "near a query has to be, which rises by itself where too many are false.",
            "percentunit",
            (
                Query(
                    f"max by ({MODEL}) ({process('midrank_cache_near_false_hit_rate')})",
                    "{{reranker_model_name}} false",
                ),
                Query(
                    f"max by ({MODEL}) ({process('midrank_cache_near_threshold')})",
                    "{{reranker_model_name}} least cosine",
                ),
            ),
        ),
        Panel(
            "Near queries: refused, by guard",
            "Near queries that are not taken for the same question: docs/semantic-cache.md.",
            PER_SECOND,
            (Query(rate(process("midrank_cache_near_refused_total"), "midrank_kind"), "{{midrank_kind}}"),),
            "stack",
        ),
        Panel(
            "Memory of caches",
            "Scores and queries that are held, and token matrices of known documents.",
            "bytes",
            (
                Query(
                    f"sum by (midrank_cache_name) ({process('midrank_cache_size_bytes')})",
                    "{{midrank_cache_name}}",
                ),
                Query(
                    f"sum by ({MODEL}) ({process('midrank_model_known_size_bytes')})",
                    "{{reranker_model_name}} matrices",
                ),
            ),
            "stack",
        ),
        Panel(
            "Forgotten for want of room",
            "Steady evictions with a falling share of known scores: the cache wants more memory.",
            PER_SECOND,
            (
                Query(
                    rate(process("midrank_cache_evictions_total"), "midrank_cache_name"),
                    "{{midrank_cache_name}}",
                ),
            ),
        ),
        Panel(
            "Redis",
            "Used, or left alone as it is gone; searches never wait for it longer than its timeout_ms.",
            "none",
            (Query(f"min by (instance) ({process('midrank_cache_up')})", "{{instance}}"),),
            "states",
            words=(Word(0, "left alone", "red"), Word(1, "used", "green")),
        ),
        Panel(
            "Redis: errors and drops",
            "What went wrong, by kind; and what was not written to it.",
            PER_SECOND,
            (
                Query(rate(process("midrank_cache_errors_total"), "midrank_kind"), "{{midrank_kind}}"),
                Query(rate(process("midrank_cache_dropped_total")), "dropped"),
            ),
        ),
        Panel(
            "Warm-up",
            "Texts encoded in idle time, those that wait for it, and those that found no room.",
            "none",
            (
                Query(rate(process("midrank_warm_up_encoded_total")), "encoded/s"),
                Query(f"sum({process('midrank_warm_up_waiting')})", "waiting"),
                Query(rate(process("midrank_warm_up_dropped_total")), "dropped/s"),
            ),
        ),
        Panel(
            "Writes looked at",
            "Writes into the store whose documents are encoded beforehand, in idle time.",
            PER_SECOND,
            (Query(rate(store("midrank_writes_total"), "midrank_write_fate"), "{{midrank_write_fate}}"),),
            "stack",
        ),
    ),
)

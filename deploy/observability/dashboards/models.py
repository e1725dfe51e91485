"""A row of the overview: how the models are, and what they cost."""

from __future__ import annotations

from deploy.observability.dashboards.board import Panel, Row, Word
from deploy.observability.dashboards.queries import MODEL, PER_SECOND, Query, process, quantile, rate

_READY = process("midrank_model_ready")
_FAILED = process("midrank_model_failed")

MODELS = Row(
    "Models",
    (
        Panel(
            "Breakers",
            "closed: all is well. open: the model is left alone. half open: the next search is copied to "
            "try it.",
            "none",
            (
                Query(
                    f"max by (instance, {MODEL}) ({process('midrank_breaker_state')})",
                    "{{reranker_model_name}} {{instance}}",
                ),
            ),
            "states",
            words=(Word(0, "closed", "green"), Word(1, "half open", "yellow"), Word(2, "open", "red")),
        ),
        Panel(
            "Loading",
            "ready: it scores. loading: searches go to the next model of their rule, or pass. failed: the "
            "log says why.",
            "none",
            (
                Query(
                    f"max by (instance, {MODEL}) ({_READY} - {_FAILED})",
                    "{{reranker_model_name}} {{instance}}",
                ),
            ),
            "states",
            words=(Word(1, "ready", "green"), Word(0, "loading", "yellow"), Word(-1, "failed", "red")),
        ),
        Panel(
            "Load",
            "Model time asked for, in units of what there is. Above 1, searches are read less deep; far "
            "above, some are answered in the store's order at once.",
            "none",
            (Query(f"max by ({MODEL}) ({process('midrank_model_load')})", "{{reranker_model_name}}"),),
            limits=(1, 2),
        ),
        Panel(
            "Waiting, refused, hung",
            "Texts that wait for a model; searches refused a second, as there was too much to do; calls "
            "given up.",
            "none",
            (
                Query(
                    f"sum by ({MODEL}) ({process('midrank_model_waiting')})",
                    "{{reranker_model_name}} waiting",
                ),
                Query(
                    rate(process("midrank_model_refused_total"), MODEL), "{{reranker_model_name}} refused/s"
                ),
                Query(rate(process("midrank_model_hung_total"), MODEL), "{{reranker_model_name}} hung/s"),
            ),
        ),
        Panel(
            "A run of a model",
            "What one call took, whatever its length.",
            "s",
            tuple(
                Query(
                    quantile(q, process("midrank_model_duration_seconds_bucket"), MODEL),
                    "{{reranker_model_name}} " + f"p{q * 100:g}",
                )
                for q in (0.5, 0.95)
            ),
        ),
        Panel(
            "Learnt cost of a token",
            "What a call of the usual length takes, by its tokens, in half of all calls and in nine of ten: "
            "what budgets are planned with, and capacity: docs/operations.md.",
            "s",
            tuple(
                Query(
                    f"max by ({MODEL}) ({process(f'midrank_model_cost_token_{q}_seconds')})",
                    "{{reranker_model_name}} " + q,
                )
                for q in ("p50", "p90")
            ),
        ),
        Panel(
            "Learnt cost of a call",
            "The part of it that does not depend on the length: what short texts pay more by the token.",
            "s",
            (
                Query(
                    f"max by ({MODEL}) ({process('midrank_model_cost_fixed_seconds')})",
                    "{{reranker_model_name}}",
                ),
            ),
        ),
        Panel(
            "Models behind an API: calls",
            "Calls a second, and those that failed, were answered with 429 or with junk, or were made once "
            "more.",
            PER_SECOND,
            (
                Query(rate(process("midrank_remote_calls_total"), MODEL), "{{reranker_model_name}} calls"),
                Query(rate(process("midrank_remote_failed_total"), MODEL), "{{reranker_model_name}} failed"),
                Query(
                    rate(process("midrank_remote_rate_limited_total"), MODEL), "{{reranker_model_name}} 429"
                ),
                Query(
                    rate(process("midrank_remote_bad_answers_total"), MODEL), "{{reranker_model_name}} junk"
                ),
                Query(
                    rate(process("midrank_remote_extra_total"), MODEL, "midrank_kind"),
                    "{{reranker_model_name}} {{midrank_kind}}",
                ),
            ),
        ),
        Panel(
            "Models behind an API: time",
            "Of the last calls: half, and 19 of 20, took this at most.",
            "s",
            tuple(
                Query(
                    f"max by ({MODEL}) ({process(f'midrank_remote_latency_{q}_seconds')})",
                    "{{reranker_model_name}} " + q,
                )
                for q in ("p50", "p95")
            ),
        ),
        Panel(
            "Language models: tokens and cost",
            "Tokens a second, and what an hour costs in the currency of the policy's prices.",
            "none",
            (
                Query(
                    rate(process("midrank_llm_tokens_total"), MODEL, "midrank_kind"),
                    "{{midrank_kind}} tokens/s",
                ),
                Query(
                    f"{rate(process('midrank_llm_cost_total'), MODEL)} * 3600",
                    "{{reranker_model_name}} cost/h",
                ),
            ),
        ),
    ),
)

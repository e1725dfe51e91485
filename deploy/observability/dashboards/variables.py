"""The choices at the top of the dashboards, each narrowed by those before it."""

from __future__ import annotations

from deploy.observability.dashboards.board import Variable

OF_STORES = (
    Variable("namespace", "Namespace", "label_values(midrank_build, namespace)"),
    Variable("job", "Job", 'label_values(midrank_build{namespace=~"$namespace"}, job)'),
    Variable("pod", "Pod", 'label_values(midrank_build{namespace=~"$namespace",job=~"$job"}, pod)'),
    Variable(
        "store",
        "Store",
        'label_values(midrank_rank_outcomes_total{namespace=~"$namespace",job=~"$job"}, midrank_store)',
        every=".+",
    ),
)

# Collections are told of by those who watch them: shadow, feedback, the harm guard.
OF_COLLECTIONS = (
    *OF_STORES,
    Variable(
        "collection",
        "Collection",
        'label_values({__name__=~"midrank_(shadow_searches_total|preference_answers_total|trial_callers|harm_alarm)",'
        'midrank_store=~"$store"}, db_collection_name)',
        every=".+",
    ),
)

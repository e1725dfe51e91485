"""PromQL of the dashboards: what the variables at the top have chosen, of one metric.

`All` of the pods is `.*`, which series without such a label match as well: the same queries serve a laptop
and a cluster. `All` of the stores is `.+`: other programs have metrics of the same names, but no stores.
"""

from __future__ import annotations

from typing import NamedTuple

_PROCESS = ('namespace=~"$namespace"', 'job=~"$job"', 'pod=~"$pod"')
_STORE = (*_PROCESS, 'midrank_store=~"$store"')
_COLLECTION = (*_STORE, 'db_collection_name=~"$collection"')

# The label by which models are told apart.
MODEL = "reranker_model_name"
# Grafana's unit of what happens so many times a second and is no request.
PER_SECOND = "suffix: /s"


class Query(NamedTuple):
    """What is asked, and how the answer is called: `{{label}}` stands for a label's value."""

    expr: str
    legend: str


def process(metric: str, *matchers: str) -> str:
    """Select a metric of the processes that are chosen."""
    return _selected(metric, (*matchers, *_PROCESS))


def store(metric: str, *matchers: str) -> str:
    """Select a metric that is told for every store."""
    return _selected(metric, (*matchers, *_STORE))


def collection(metric: str, *matchers: str) -> str:
    """Select a metric that is told for every collection."""
    return _selected(metric, (*matchers, *_COLLECTION))


def rate(selected: str, *by: str) -> str:
    """Return what counters grow by in a second, added up."""
    return f"{_sum(by)} (rate({selected}[$__rate_interval]))"


def quantile(q: float, selected: str, *by: str) -> str:
    """Return a quantile of histograms, whose `_bucket` series are selected."""
    return f"histogram_quantile({q}, {rate(selected, 'le', *by)})"


def share(part: str, whole: str) -> str:
    """Return what share of a whole a part is, where both have the same labels."""
    return f"{part} / ({whole} > 0)"


def shares(parts: str, whole: str) -> str:
    """Return what share of one whole each of several parts is."""
    return f"{parts} / on () group_left () ({whole} > 0)"


def own(expr: str) -> str:
    """Return a query of processes without those that are no midrank: some names are everybody's."""
    return f"{expr} and on (job, instance) midrank_build"


def _sum(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"


def _selected(metric: str, matchers: tuple[str, ...]) -> str:
    return f"{metric}{{{','.join(matchers)}}}"

"""What is counted and timed at requests; a few numbers each, and labels out of closed lists alone.

Collections are no labels here: there may be as many as an app has customers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.metrics import NoOpMeter

from proxy.telemetry import names
from proxy.telemetry.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import Histogram, Meter
    from opentelemetry.util.types import AttributeValue

    from proxy.model import Verdict

# All in seconds. Made for budgets of 50 to 500 ms:
_ADDED = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
# Reading and writing a message takes fractions of a millisecond, a model up to the budget.
_STAGE = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5)
# A loop that was busy adds some milliseconds; whatever adds 100 deserves a look.
_OVERSHOOT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# As the conventions want them: opentelemetry.io/docs/specs/semconv/http/http-metrics
_HTTP = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))


class Measures:
    """The counters and histograms of one process; without a meter they do nothing, but `recent` counts."""

    def __init__(self, meter: Meter | None) -> None:
        self._on = meter is not None
        self.recent = Recent()
        meter = meter or NoOpMeter("midrank")
        self._outcomes = meter.create_counter(names.OUTCOMES_METRIC, description="Searches by outcome.")
        self._attempts = meter.create_counter(
            names.ATTEMPTS_METRIC,
            description="Models considered for searches, with the reason for no scores.",
        )
        self._depth = meter.create_counter(
            names.DEPTH_METRIC, description="Candidates of searches, by whether they were scored in time."
        )
        self._writes = meter.create_counter(
            names.WRITES_METRIC, description="Writes looked at for the texts of their documents."
        )

        def seconds(name: str, description: str, buckets: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(
                name, unit="s", description=description, explicit_bucket_boundaries_advisory=buckets
            )

        self._added = seconds(names.ADDED_METRIC, "Time that midrank added to a search.", _ADDED)
        self._overshoot = seconds(
            names.OVERSHOOT_METRIC, "Time beyond the budget, of searches that took more.", _OVERSHOOT
        )
        self._stage = seconds(names.STAGE_METRIC, "Time that a step of a search took.", _STAGE)
        self._model = seconds(names.MODEL_METRIC, "Time that one run of a model took.", _ADDED)
        self._request = seconds(
            names.REQUEST_METRIC, "Time that a request took, the store's included.", _HTTP
        )

    def search(
        self, store: str, verdict: Verdict, *, added: float | None = None, budget: float | None = None
    ) -> None:
        """Count an exchange, the models tried for it, and the seconds added if it was not just passed on."""
        self.recent.note(store, verdict, added)
        if not self._on:
            return
        of = {names.STORE: store}
        labels = {**of, names.OUTCOME: verdict.outcome.value}
        if added is not None:
            self._added.record(added, labels)
            if budget is not None and added > budget:
                self._overshoot.record(added - budget, of)
        if verdict.reason is not None:
            labels = {**labels, names.REASON: verdict.reason.value}
        self._outcomes.add(1, labels)
        for model, reason in verdict.attempts:
            why = {} if reason is None else {names.REASON: reason.value}
            self._attempts.add(1, {**of, names.RERANKER_MODEL: model, **why})
        for kind, candidates in (
            ("scored", verdict.scored),
            ("unscored", verdict.candidates - verdict.scored),
        ):
            if candidates:
                self._depth.add(candidates, {**of, names.KIND: kind})

    def stages(self, store: str, seconds: Iterable[float]) -> None:
        """Take in how long the steps of an exchange took, as far as it got, see `names.STAGES`."""
        if self._on:
            for stage, took in zip(names.STAGES, seconds, strict=False):
                self._stage.record(took, {names.STORE: store, names.STAGE: stage})

    def model(self, name: str, seconds: float, error: str | None) -> None:
        """Take in how long a run of a model took, and what went wrong with it."""
        if self._on:
            why = {} if error is None else {names.ERROR_TYPE: error}
            self._model.record(seconds, {names.RERANKER_MODEL: name, **why})

    def request(self, store: str, method: str, status: int | str, seconds: float, *, claimed: bool) -> None:
        """Take in how long a request took, and if it was a search; `status` is a word where none came."""
        if self._on:
            labels: dict[str, AttributeValue] = {
                names.STORE: store,
                names.HTTP_METHOD: method if method in _METHODS else "_OTHER",
                names.HTTP_STATUS if isinstance(status, int) else names.ERROR_TYPE: status,
                names.CLAIMED: claimed,
            }
            self._request.record(seconds, labels)

    def write(self, store: str, fate: str) -> None:
        """Count a write whose documents are wanted, and what became of it."""
        self._writes.add(1, {names.STORE: store, names.FATE: fate})

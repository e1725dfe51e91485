"""Metrics as text for Prometheus: the same instruments as everywhere, read when somebody asks."""

from __future__ import annotations

import asyncio

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


class PrometheusText:
    """A reader of metrics, and what it reads as text."""

    def __init__(self) -> None:
        # Its own registry: the library's global one would add figures of its own. Whoever scrapes labels what
        # comes from here with the instance, so neither the resource nor the scope is repeated in here.
        self._registry = CollectorRegistry()
        self.reader = PrometheusMetricReader(
            disable_target_info=True, scope_info_enabled=False, registry=self._registry
        )
        self._one_at_a_time = asyncio.Lock()

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the form that an Accept header prefers, and the type of that.

        In a thread: figures are asked for on the event loop, and waited for.
        """
        async with self._one_at_a_time:
            reading = asyncio.get_running_loop().run_in_executor(None, self._text, accept)
            try:
                return await asyncio.shield(reading)
            finally:
                # Whoever asked may have gone; the thread reads on, and nobody else may meanwhile.
                await asyncio.wait([reading])

    def _text(self, accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

"""OpenTelemetry from the standard variables, for as long as a process runs."""

# ruff: noqa: PLC0415 - the SDK takes 100 ms to import, and only those who use it should pay

from __future__ import annotations

import os
import threading
from time import perf_counter
from typing import TYPE_CHECKING

from proxy.errors import BadConfig, Mistake
from proxy.telemetry.environment import settings_from
from proxy.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

    from proxy.telemetry.environment import Settings

# Seconds for all that is to be flushed. A collector that is gone keeps the SDK's own shutdown waiting for up
# to 48 (measured), whatever timeout it is given.
SHUTDOWN_TIMEOUT = 2.0


class TelemetrySession:
    """Telemetry and what must be flushed at the end of the process."""

    def __init__(self, telemetry: Telemetry, closers: Sequence[Callable[[], object]] = ()) -> None:
        self.telemetry = telemetry
        self._closers = closers

    def close(self) -> None:
        """Flush, once, but never keep the process for longer than `SHUTDOWN_TIMEOUT`."""
        end = perf_counter() + SHUTDOWN_TIMEOUT
        closers, self._closers = self._closers, ()
        # Daemons: a process ends without those that still wait for a collector.
        threads = [threading.Thread(target=close, daemon=True) for close in closers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - perf_counter()))


def telemetry_from_environment(
    environment: Mapping[str, str] = os.environ, *, prometheus: bool = False
) -> TelemetrySession:
    """Set OpenTelemetry up the way the standard variables say; `prometheus`: metrics will be scraped, too.

    Raises:
        BadConfig: a variable asks for something that is not there.
    """
    settings = settings_from(environment)
    if settings.disabled:
        return TelemetrySession(Telemetry())
    if "prometheus" in settings.metrics.exporters and not prometheus:
        expected = "with `admin` in the policy, where GET /metrics is"
        raise BadConfig((Mistake("(environment)", "OTEL_METRICS_EXPORTER", "prometheus", expected),))
    traces, metrics, logs = settings.traces, settings.metrics, settings.logs
    if not (traces.exporters or metrics.exporters or logs.exporters or prometheus):
        return TelemetrySession(Telemetry(manner=settings.manner))

    try:
        return _session(settings, prometheus=prometheus)
    except (ValueError, StopIteration) as error:  # of the variables that the SDK reads by itself
        told = str(error) or "names a part that is not installed"
        raise BadConfig((Mistake("(environment)", "OTEL_*", told, "what the SDK takes"),)) from error


def _session(settings: Settings, *, prometheus: bool) -> TelemetrySession:
    """Return what the settings ask for.

    Raises:
        ValueError: the SDK does not like a variable.
        StopIteration: a variable names a part of the SDK that is not installed.
    """
    from proxy import __version__
    from proxy.telemetry import sdk
    from proxy.telemetry.process import watch_process

    traces, metrics, logs = settings.traces, settings.metrics, settings.logs
    closers: list[Callable[[], object]] = []
    tracer: Tracer | None = None
    meter: Meter | None = None
    meters, scrape = None, None
    if prometheus:
        from proxy.telemetry.prometheus import PrometheusText

        text = PrometheusText()
        scrape = text.scrape
    if metrics.exporters or prometheus:
        meters = sdk.meter_provider(settings, text.reader if prometheus else None)
        meter = meters.get_meter(sdk.NAME, __version__)
        closers.append(meters.shutdown)
    if traces.exporters:
        tracer, end = sdk.make_tracer(settings, meters)
        closers.append(end)
    if "otlp" in logs.exporters:
        from proxy.telemetry.log_export import export_logs

        closers.append(export_logs(sdk.logger_provider(settings, meters)))
    telemetry = Telemetry(tracer, meter, manner=settings.manner, scrape=scrape)
    watch_process(telemetry)
    return TelemetrySession(telemetry, closers)

"""Log lines as OpenTelemetry's log records: the facts of `proxy.logs`, sent to a collector."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry import context
from opentelemetry._logs import LogRecord, SeverityNumber

from proxy.logs import Limiter, facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import LoggerProvider

_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
# Who sends the lines: what these say about a collector that is gone must not wait to be sent there.
_SENDERS = ("opentelemetry.", "urllib3.", "grpc")


class _Export(logging.Handler):
    """Hands records to a provider. The SDK's own handler would send the messages of exceptions."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_SENDERS):
            return
        self._provider.get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                context=context.get_current(),  # has the ids of trace and span
                severity_text=record.levelname,
                severity_number=_SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
                body=record.getMessage(),
                attributes={
                    key: value if isinstance(value, (str, bool, int, float)) else str(value)
                    for key, value in facts(record).items()
                },
            )
        )


def export_logs(provider: LoggerProvider) -> Callable[[], None]:
    """Send what is logged from now on, too; return what ends that."""
    handler = _Export(provider)
    handler.addFilter(Limiter())
    logging.getLogger().addHandler(handler)

    def close() -> None:
        logging.getLogger().removeHandler(handler)
        provider.shutdown()

    return close

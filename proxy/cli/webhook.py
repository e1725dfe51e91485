"""midrank webhook: Put the sidecar into pods as a cluster creates them: a mutating admission webhook.

Exit codes: 0 stopped as asked, 1 failed while running, 2 the command line, the certificate or the settings
are wrong, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from pydantic import TypeAdapter, ValidationError

from proxy.cli.extras import needs
from proxy.errors import BadConfig, Mistake
from proxy.injection.certificates import Certificates
from proxy.injection.settings import WebhookSettings
from proxy.injection.settings_file import load_settings
from proxy.logs import log_to_stderr
from proxy.policy_base import Address, split_address

if TYPE_CHECKING:
    import argparse

    from proxy.injection.server import Webhook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--cert", type=Path, required=True, metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="its private key, PEM")
    parser.add_argument(
        "--listen",
        default="0.0.0.0:8443",
        metavar="HOST:PORT",
        help="where the API server asks (%(default)s)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings; see docs/injector.md")
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=10.0,
        help="after SIGTERM, finish what is under way (default 10)",
    )
    delay = "after SIGTERM, go on accepting until all nodes have heard of it (default 5)"
    parser.add_argument("--drain-delay-seconds", type=float, default=5.0, help=delay)
    levels = ("debug", "info", "warning", "error")
    parser.add_argument(
        "--log-level", default="info", choices=levels, help="least level to log (default info)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Answer reviews until SIGTERM or SIGINT."""
    log_to_stderr(arguments.log_level)
    with needs("kubernetes", "webhook"):
        from proxy.injection.server import Webhook  # noqa: PLC0415 - other commands do without
    settings = WebhookSettings() if arguments.config is None else load_settings(arguments.config)
    certificates = Certificates(arguments.cert, arguments.key)
    webhook = Webhook(settings, certificates, _address(arguments.listen), grace=arguments.drain_seconds)
    uvloop.run(_serve(webhook, arguments.drain_delay_seconds))
    return 0


def _address(listen: str) -> tuple[str, int]:
    try:
        return split_address(TypeAdapter(Address).validate_python(listen))
    except ValidationError as error:
        why = "should be HOST:PORT, for example 0.0.0.0:8443"
        raise BadConfig((Mistake("(command line)", "--listen", repr(listen), why),)) from error


async def _serve(webhook: Webhook, delay: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await webhook.start()
    await stop.wait()
    await webhook.close(delay)

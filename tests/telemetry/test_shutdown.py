"""A collector that is gone never keeps a process from ending."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager

from proxy.telemetry.session import SHUTDOWN_TIMEOUT
from tests.fakes.servers import REPO, nobody_listening

# Ends as `midrank run` does, with something to flush for every provider.
PROGRAM = """
import logging, sys
from time import perf_counter
from proxy.telemetry import telemetry_from_environment

session = telemetry_from_environment(prometheus=True)
for _ in range(1000):
    with session.telemetry.span("midrank.exchange"):
        logging.getLogger("proxy").warning("something")
started = perf_counter()
session.close()
print(perf_counter() - started)
"""


@contextmanager
def black_hole():
    """Accept connections, and never answer."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(64)
        yield "http://{}:{}".format(*held.getsockname())


def test_flushing_ends_at_its_deadline_whatever_the_collector_does():
    with ExitStack() as stack:
        hole = stack.enter_context(black_hole())
        gone = stack.enter_context(nobody_listening()).url
        cases = [(url, protocol) for url in (hole, gone) for protocol in ("http/protobuf", "grpc")]
        # All at once, as each of them waits.
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=REPO,
                    env={
                        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
                        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                        "OTEL_LOGS_EXPORTER": "otlp",
                    },
                )
            )
            for url, protocol in cases
        ]
        ended = [(*process.communicate(timeout=50), process.returncode) for process in processes]

    for case, (out, _, code) in zip(cases, ended, strict=True):
        assert code == 0, case
        # It would be 10 to 48 s; what is above the deadline is a machine with too much to do.
        assert float(out) < SHUTDOWN_TIMEOUT + 5, case

"""What the process itself costs, as metrics: its processor time, memory, descriptors and threads."""

from __future__ import annotations

import os
import resource
import threading
from typing import TYPE_CHECKING

from proxy import __version__
from proxy.figures import Figure
from proxy.telemetry import names

if TYPE_CHECKING:
    from proxy.telemetry.telemetry import Telemetry
    from proxy.telemetry.watched import Told

# Named by the conventions, opentelemetry.io/docs/specs/semconv/system/process-metrics
_CPU = {"time": Figure("process.cpu.time", "s", "Processor time used.", total=True)}
_USE = {
    "memory": Figure("process.memory.usage", "By", "Memory that is in RAM."),
    "descriptors": Figure("process.unix.file_descriptor.count", "{file_descriptor}", "Open descriptors."),
    "threads": Figure("process.thread.count", "{thread}", "Threads that run Python."),
}
_BUILD = {"build": Figure("midrank.build", "1", "1, labelled with the version that runs.")}


def watch_process(telemetry: Telemetry) -> None:
    """Export what this process costs, and which version it runs."""
    telemetry.watch(_BUILD, (names.VERSION,), lambda: {(__version__,): {"build": 1.0}})
    telemetry.watch(_CPU, (names.CPU_MODE,), _cpu)
    telemetry.watch(_USE, (), lambda: {(): usage()})


def _cpu() -> Told:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {("user",): {"time": used.ru_utime}, ("system",): {"time": used.ru_stime}}


def usage() -> dict[str, float]:
    """Return what the process uses now, by the names of its figures; on Linux all of them."""
    told: dict[str, float] = {"threads": threading.active_count()}
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - no file that a path could be joined to
            told["memory"] = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        told["descriptors"] = len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - one is of this listing
    except OSError:
        pass  # not on Linux
    return told

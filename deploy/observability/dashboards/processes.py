"""A row of the overview: what the processes take, and by which policy they go."""

from __future__ import annotations

from deploy.observability.dashboards.board import Panel, Row
from deploy.observability.dashboards.queries import PER_SECOND, Query, own, process, rate, store

_EACH = ("job", "instance")


def _each(metric: str) -> str:
    """Return a metric of every process."""
    return f"max by (job, instance) ({process(metric)})"


PROCESSES = Row(
    "Processes",
    (
        Panel(
            "CPU",
            "Cores that each process takes, models included.",
            "none",
            (Query(own(rate(process("process_cpu_time_seconds_total"), *_EACH)), "{{instance}}"),),
        ),
        Panel(
            "Memory",
            "What each process holds, and what it may.",
            "bytes",
            (
                Query(own(_each("process_memory_usage_bytes")), "{{instance}}"),
                Query(_each("midrank_memory_limit_bytes"), "{{instance}} limit"),
            ),
        ),
        Panel(
            "Memory: what it is for",
            "How the limit is divided, in the process that has most of each.",
            "bytes",
            (Query(f"max by (midrank_kind) ({process('midrank_memory_share_bytes')})", "{{midrank_kind}}"),),
            "stack",
        ),
        Panel(
            "Loop lag",
            "How late the event loop runs. It is taken off the budgets; above some 10 ms the CPUs are too "
            "few.",
            "s",
            (Query(_each("midrank_loop_lag_seconds"), "{{instance}}"),),
            limits=(0.02, 0.1),
        ),
        Panel(
            "Connections, files, threads",
            "Open connections of applications, and what the process has open.",
            "none",
            (
                Query(f"sum by (job, instance) ({store('midrank_connections')})", "{{instance}} connections"),
                Query(own(_each("process_unix_file_descriptor_count")), "{{instance}} files"),
                Query(own(_each("process_thread_count")), "{{instance}} threads"),
            ),
        ),
        Panel(
            "Policy: generation and bad files",
            "Which policy since the start is in use, counted; and 1 while the file on disk is another one "
            "that is bad.",
            "none",
            (
                Query(_each("midrank_policy_generation"), "{{instance}} generation"),
                Query(_each("midrank_policy_rejected"), "{{instance}} bad file"),
            ),
        ),
        Panel(
            "Policy: reloads",
            "What became of files that were read again.",
            PER_SECOND,
            (Query(rate(process("midrank_policy_reloads_total"), "midrank_result"), "{{midrank_result}}"),),
        ),
        Panel(
            "Records",
            "Searches written down, and those that were not, for want of room or as the disk failed.",
            PER_SECOND,
            (Query(rate(process("midrank_records_total"), "midrank_kind"), "{{midrank_kind}}"),),
        ),
    ),
)

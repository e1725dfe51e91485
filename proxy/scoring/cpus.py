"""What the CPUs offer: how many of them this process may really use, and how well they multiply bytes.

In a container `os.cpu_count()` counts the host's CPUs; a model with a thread for each of them is throttled
for most of every scheduling period.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from proxy.scoring.cgroups import groups, read


def usable_cpus() -> int:
    """Return the CPUs that this process may keep busy, at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(Path("/"))
    # Rounded down: with 2.5 CPUs a third thread would be throttled half the time, and hold up its batch.
    return affinity if quota is None else max(1, min(affinity, int(quota)))


def cgroup_quota(root: Path) -> float | None:
    """Return the CPUs that the cgroups of this process grant it, the tightest level counting; None: no limit.

    Reads `cpu.max` (cgroup v2) or `cpu.cfs_quota_us` (v1) of the process's own group and of all above it.
    """
    quotas = [quota for folder in groups(root, "cpu") if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def multiplies_bytes_exactly(root: Path = Path("/")) -> bool:
    """Say whether sums of products of bytes keep all their bits on this machine.

    x86 without VNNI adds two products of an unsigned and a signed byte in 16 bits, saturating (VPMADDUBSW):
    2 x 255 x 127 does not fit, so the signed byte may have seven bits only. With these a cross-encoder's
    NDCG@10 was .013 below float32, with eight bits .001 (200 questions of SQuAD).
    """
    if not some_multiply_otherwise():
        return True
    flags = next((line for line in read(root / "proc/cpuinfo").splitlines() if line.startswith("flags")), "")
    return not {"avx512_vnni", "avx_vnni", "amx_int8"}.isdisjoint(flags.split())


def some_multiply_otherwise() -> bool:
    """Say whether CPUs of this architecture differ in how they multiply bytes: x86 does, ARM does not."""
    return platform.machine().lower() not in ("arm64", "aarch64")


def _quota(folder: Path) -> float | None:
    if fields := read(folder / "cpu.max").split():
        quota, period = fields[0], fields[1] if len(fields) > 1 else "100000"
    else:
        quota = read(folder / "cpu.cfs_quota_us").strip()
        period = read(folder / "cpu.cfs_period_us").strip()
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None  # "max" (v2) or -1 (v1): no limit at this level
    return int(quota) / int(period)

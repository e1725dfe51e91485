"""CPU quotas, read from trees of files as containers and hosts show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.scoring.cpus import cgroup_quota, multiplies_bytes_exactly, usable_cpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Path]:
    """Make a root folder out of file names and contents."""

    def make(**files: str) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return make


def test_no_cgroup_is_no_limit(tmp_path):
    assert cgroup_quota(tmp_path) is None


def test_version_2_inside_a_container(machine):
    root = machine(**{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"})
    assert cgroup_quota(root) == 1.5


def test_version_2_without_a_limit(machine):
    root = machine(**{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"})
    assert cgroup_quota(root) is None


def test_version_2_counts_the_tightest_level(machine):
    root = machine(
        **{
            "proc/self/cgroup": "0::/kubepods/pod7/main\n",
            "sys/fs/cgroup/kubepods/pod7/main/cpu.max": "max 100000",
            "sys/fs/cgroup/kubepods/pod7/cpu.max": "200000 100000",
            "sys/fs/cgroup/kubepods/cpu.max": "800000 100000",
        }
    )
    assert cgroup_quota(root) == 2


def test_version_1_under_a_joint_hierarchy(machine):
    root = machine(
        **{
            "proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
        }
    )
    assert cgroup_quota(root) == 3


def test_version_1_where_the_path_is_the_hosts_and_the_mount_is_our_own_group(machine):
    root = machine(
        **{
            "proc/self/cgroup": "3:cpu:/docker/not-visible-here\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        }
    )
    assert cgroup_quota(root) == 0.5


def test_version_1_without_a_limit(machine):
    root = machine(
        **{
            "proc/self/cgroup": "3:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        }
    )
    assert cgroup_quota(root) is None


@pytest.mark.parametrize("content", ["", "junk", "100000 0", "1e5 1e5", "\n\n", "-5 100000"])
def test_junk_is_no_limit(machine, content):
    root = machine(**{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": content})
    assert cgroup_quota(root) is None


@pytest.mark.parametrize("line", ["", "0::", ":::", "cpu", "0::/../../etc", "3:cpu"])
def test_odd_group_lines_are_survived(machine, line):
    assert cgroup_quota(machine(**{"proc/self/cgroup": line})) is None


def test_there_is_always_one_cpu_to_use():
    assert usable_cpus() >= 1


@pytest.mark.parametrize(
    ("flags", "exact"),
    [("fpu avx2 avx512f avx512_vnni", True), ("fpu avx2 avx_vnni", True), ("fpu avx2", False), ("", False)],
)
def test_eight_bits_are_for_cpus_that_keep_all_of_a_sum(machine, monkeypatch, flags, exact):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    root = machine(**{"proc/cpuinfo": f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n"})
    assert multiplies_bytes_exactly(root) is exact


def test_arm_keeps_all_of_a_sum(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert multiplies_bytes_exactly(tmp_path)

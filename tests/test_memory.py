"""Who gets how much memory, and what a container has to say in it."""

from __future__ import annotations

import logging

import pytest

from proxy.errors import BadConfig
from proxy.memory import LEAST_MB, divide, followed, limit_figures, limit_of, share_figures
from proxy.policy import Policy
from proxy.scoring.cgroups import memory_limit

STORE = {"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
REMOTE = {"kind": "remote", "dialect": "tei", "url": "http://127.0.0.1:1"}


def late(memory_mb):
    return {"kind": "late_interaction", "memory_mb": memory_mb}


def policy(memory_mb=64, **models):
    return Policy.model_validate(
        {
            "stores": [STORE],
            "models": models,
            "rules": [{"rerank": list(models)}],
            "cache": {"memory_mb": memory_mb},
        }
    )


def contained(root, limit_mb):
    """Write what a process reads in a container with a limit."""
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": str(limit_mb * 2**20)}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def test_where_all_fits_everybody_has_what_the_policy_gives():
    asked = policy(a=late(256), b=late(128))

    for limit in (None, 2000):
        division = divide(asked, limit)
        assert division.shares == {"models.a": 256, "models.b": 128, "cache": 64}


def test_a_policy_that_fits_is_followed_as_it_is():
    asked = policy(a=late(256)).model_copy(update={"memory_limit_mb": 2000})

    assert followed(asked) == asked


@pytest.mark.parametrize("limit", [300, 400, 500, 620])
def test_what_does_not_fit_is_cut_in_proportion_and_nobody_gets_less_than_the_least(limit):
    asked = policy(a=late(256), b=late(128))

    division = divide(asked, limit)

    assert division.needed + sum(division.shares.values()) <= limit
    assert min(division.shares.values()) >= LEAST_MB
    assert division.shares["models.a"] > division.shares["models.b"] > division.shares["cache"]


def test_a_share_below_the_least_is_left_alone():
    asked = policy(memory_mb=2, a=late(256))

    assert divide(asked, 300).shares["cache"] == 2


def test_a_cut_policy_is_followed_and_told(caplog):
    asked = policy(a=late(1000)).model_copy(update={"memory_limit_mb": 400})

    with caplog.at_level(logging.WARNING):
        cut = followed(asked)

    assert LEAST_MB < cut.models["a"].memory_mb < 250
    assert LEAST_MB < cut.cache.memory_mb < 64
    assert {record.share for record in caplog.records} == {"models.a", "cache"}
    assert dict(limit_figures(cut)) == {(): {"limit": 400 * 2**20}}
    assert dict(share_figures(cut)) == {
        ("models.a",): {"share": cut.models["a"].memory_mb * 2**20},
        ("cache",): {"share": cut.cache.memory_mb * 2**20},
    }


def test_without_any_limit_none_is_told():
    assert dict(limit_figures(policy(a=late(8)))) == {}


def test_too_little_for_code_and_models_is_a_mistake_that_says_what_would_do():
    with pytest.raises(BadConfig, match=r"memory_limit_mb: 128 MB - .* MB or more"):
        divide(policy(a=late(256)).model_copy(update={"memory_limit_mb": 128}), 128)


def test_where_the_container_is_too_small_its_limit_is_blamed(tmp_path):
    asked = policy(a=late(256))
    contained(tmp_path, 128)
    with pytest.raises(BadConfig) as refused:
        followed(asked, tmp_path)

    (mistake,) = refused.value.mistakes
    assert (mistake.file, mistake.key) == ("(container)", "memory limit")
    assert mistake.value == "128 MB, of which 90% are used"
    contained(tmp_path, int(mistake.allowed.split()[0]))
    followed(asked, tmp_path)


def test_models_that_run_elsewhere_need_nothing_here():
    with_model, without = divide(policy(a=late(8)), None), divide(policy(a=REMOTE), None)

    assert with_model.needed > without.needed
    assert without.shares == {"cache": 64}


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{1000 * 2**20}\n"}, 1000 * 2**20),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None),
        (
            {
                "proc/self/cgroup": "0::/kubepods/pod1\n",
                "sys/fs/cgroup/kubepods/memory.max": "2000\n",
                "sys/fs/cgroup/kubepods/pod1/memory.max": "3000\n",
            },
            2000,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
            },
            5000,
        ),
        (
            {
                "proc/self/cgroup": "5:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
        ),
        ({}, None),
    ],
)
def test_a_container_s_limit_is_read_as_kubernetes_sets_it(tmp_path, files, limit):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    assert memory_limit(tmp_path) == limit


def test_a_policy_without_a_limit_takes_nine_tenths_of_the_container_s(tmp_path):
    contained(tmp_path, 1000)

    assert limit_of(policy(a=late(8)), tmp_path) == 900
    assert limit_of(policy(a=late(8)).model_copy(update={"memory_limit_mb": 500}), tmp_path) == 500

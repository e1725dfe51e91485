"""Open files: asked for as far as the process may, and connections within what there is."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from proxy.descriptors import BESIDES, wanted, within
from proxy.errors import BadConfig
from proxy.policy import Policy

POLICY = Policy.model_validate(
    {
        "stores": [
            {"kind": kind, "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:1"}
            for kind in ("chroma", "qdrant")
        ],
        "limits": {"connections": 1000},
    }
)


def test_every_connection_of_every_listener_has_one_to_its_store():
    assert wanted(POLICY) == BESIDES + 2 * 1000 * 2


def test_a_policy_that_fits_is_left_alone():
    assert within(POLICY, wanted(POLICY)) is POLICY


def test_fewer_connections_are_taken_where_few_files_may_be_open(caplog):
    with caplog.at_level(logging.WARNING):
        cut = within(POLICY, 1024)

    assert cut.limits.connections == (1024 - BESIDES) // 4
    assert wanted(cut) <= 1024
    assert [record.connections for record in caplog.records] == [cut.limits.connections]


def test_too_few_for_one_connection_is_a_mistake():
    with pytest.raises(BadConfig, match="ulimit -n of 260 or more"):
        within(POLICY, 200)


def test_the_process_is_allowed_what_it_wants_and_no_more_than_it_may():
    look = (
        "import resource\n"
        "from proxy.descriptors import allow\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (300, 900))\n"
        "print(allow(200), allow(500), allow(5000), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )

    ran = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.strip() == "300 500 900 (900, 900)"

"""A container as the chart describes it, run as a process: arguments, policy, environment, probes, end."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request

import pytest
import yaml

from tests.deploy.helm import helm, render
from tests.deploy.values import CHART, value_set

pytestmark = pytest.mark.helm


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def status(container, probe):
    """Ask what a probe asks; the status, or None where nobody answers."""
    asked = container[probe]["httpGet"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{ports[asked['port']]}{asked['path']}", timeout=2
        ) as got:
            return got.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def until(condition, seconds=50.0):
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it never came true")


@pytest.mark.wire
def test_the_gateways_container_starts_is_ready_and_ends_within_its_grace(tmp_path):
    store, admin = free_ports(2)
    stores = [{"kind": "qdrant", "listen": f"0.0.0.0:{store}", "upstream": "http://127.0.0.1:9"}]
    values = {
        "policy": {"config": {"stores": stores, "admin": f"0.0.0.0:{admin}"}},
        "gateway": {"drain": {"delaySeconds": 0.1, "seconds": 0.5}},
    }
    rendered = render(values)
    container = rendered.container()
    policy = tmp_path / "policy.yaml"
    policy.write_text(rendered.one("ConfigMap")["data"]["policy.yaml"])
    words = [word.replace("/etc/midrank/policy.yaml", str(policy)) for word in container["args"]]
    program = [sys.executable, "-m", "proxy", *words]
    with subprocess.Popen(program, env={"MIDRANK_THREADS": "2", "HOME": str(tmp_path)}) as process:
        try:
            for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                until(lambda probe=probe: status(container, probe) == 200)
        finally:
            process.send_signal(signal.SIGTERM)
        code = process.wait(rendered.pod("midrank-gateway")["spec"]["terminationGracePeriodSeconds"] + 30)

    assert code == 0


def test_the_packaged_chart_makes_the_same(tmp_path):
    """What `.helmignore` leaves out is not missed."""
    with helm.Chart.load(CHART) as chart:
        archive = chart.save(tmp_path)
    with tarfile.open(archive) as opened:
        names = opened.getnames()
        opened.extractall(tmp_path, filter="data")

    assert not [name for name in names if "/ci/" in name]
    values = value_set("gateway-everything")
    assert render(values, chart=tmp_path / "midrank").manifests == render(values).manifests


def test_promtool_finds_no_fault_in_the_rules_that_arrive(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    rules = render(value_set("gateway-everything")).one("PrometheusRule")["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    checked = subprocess.run(
        [promtool, "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr

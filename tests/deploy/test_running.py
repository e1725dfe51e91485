"""What the manifests say is run here, word for word but for the addresses: it starts, and its probes pass."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from tests.deploy.documents import contents
from tests.deploy.kustomized import needs_kubectl
from tests.deploy.own_containers import served
from tests.deploy.references import environment
from tests.deploy.shipped import applied
from tests.fakes.servers import REPO, child, free_address

httpx = pytest.importorskip("httpx", reason="no httpx: pip install 'midrank[clients]'")
pytestmark = [needs_kubectl, pytest.mark.wire, pytest.mark.model]

MIDRANK = [sys.executable, "-P", "-m", "proxy"]


@pytest.fixture(params=["overlays/sidecar-legacy", "overlays/gateway"])
def container(request, tmp_path):
    """Give a container that is running, with its address for probes, and a translation of its commands."""
    documents = applied(request.param)
    (serving,) = served(documents)
    text = next(contents(one)["policy.yaml"] for one in documents.of_kind("ConfigMap"))
    policy = yaml.safe_load(text)
    admin, data = free_address(), free_address()
    policy["admin"] = f"{admin.host}:{admin.port}"
    policy["stores"][0] |= {"listen": f"{data.host}:{data.port}", "upstream": "http://127.0.0.1:1"}
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(policy))

    def here(words):
        return [str(file) if word == "/etc/midrank/policy.yaml" else word for word in words]

    known = environment(documents, serving.pod, serving.container)
    variables = [f"{name}={value}" for name, value in {**known, "PYTHONPATH": str(REPO)}.items()]
    # The last one counts: the test need not wait for its end.
    words = [*here(serving.container["args"]), "--drain-delay-seconds", "0"]
    with child(["env", *variables, *MIDRANK, *words], f"{admin.url}/live"):
        yield serving.container, admin.url, here


def test_it_starts_and_all_its_probes_pass(container):
    running, url, here = container

    subprocess.run(
        [*MIDRANK, "health", "--admin", url.partition("//")[2], "--warm", "--wait", "50"], check=True
    )
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert httpx.get(f"{url}{running[probe]['httpGet']['path']}").status_code == 200
    if "lifecycle" in running:
        program, *words = running["lifecycle"]["postStart"]["exec"]["command"]
        assert program == "midrank"
        subprocess.run([*MIDRANK, *here(words)], check=True)

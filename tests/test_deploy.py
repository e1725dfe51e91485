"""The example of a deployment says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from proxy.policy_file import parse_policy

SIDECAR = Path(__file__).parents[1] / "deploy" / "sidecar.yaml"


@pytest.fixture
def manifests():
    return {one["kind"]: one for one in yaml.safe_load_all(SIDECAR.read_text())}


def test_the_policy_inside_loads_and_serves_where_the_app_looks(manifests):
    policy = parse_policy(manifests["ConfigMap"]["data"]["policy.yaml"], file="policy.yaml", environment={})
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    (app,) = pod["containers"]

    assert app["env"][0]["value"] == f"http://{policy.stores[0].listen}"
    (sidecar,) = pod["initContainers"]
    ports = {port["name"]: port["containerPort"] for port in sidecar["ports"]}
    assert policy.admin.listen == f"0.0.0.0:{ports['midrank-admin']}"
    assert policy.stores[0].listen.endswith(f":{ports['midrank']}")


def test_it_is_a_native_sidecar_that_may_write_nowhere_but_tmp(manifests):
    (sidecar,) = manifests["Deployment"]["spec"]["template"]["spec"]["initContainers"]

    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["securityContext"]["readOnlyRootFilesystem"] is True
    assert [mount["mountPath"] for mount in sidecar["volumeMounts"]] == ["/etc/midrank", "/tmp"]
    assert sidecar["startupProbe"]["httpGet"] == {"path": "/live", "port": "midrank-admin"}

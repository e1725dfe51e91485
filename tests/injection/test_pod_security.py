import pytest

from proxy.injection.pod_security import restricted_mistakes
from tests.fakes.pods import pod, pod_with_sidecar

NEVER = {
    "runAsUser": 0,
    "privileged": True,
    "procMount": "Unmasked",
    "seLinuxOptions": {"type": "spc_t"},
    "appArmorProfile": {"type": "Unconfined"},
    "seccompProfile": {"type": "Unconfined"},
    "allowPrivilegeEscalation": True,
    "runAsNonRoot": False,
    "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
    "windowsOptions": {"hostProcess": True},
}


def test_the_sidecar_and_the_app_are_admitted():
    assert restricted_mistakes(pod_with_sidecar()) == ()


@pytest.mark.parametrize("key", NEVER)
def test_a_security_context_that_is_refused(key):
    made = pod_with_sidecar()
    made["spec"]["initContainers"][0]["securityContext"][key] = NEVER[key]

    (mistake,) = restricted_mistakes(made)
    assert mistake.startswith(f"container midrank: securityContext.{key}")


def test_what_is_missing_is_refused_where_the_pod_has_none_either():
    made = pod_with_sidecar()
    del made["spec"]["securityContext"]
    made["spec"]["initContainers"][0]["securityContext"] = {}

    mistakes = [
        one.rpartition("securityContext.")[2] for one in restricted_mistakes(made) if "midrank" in one
    ]
    assert [mistake.partition(":")[0] for mistake in mistakes] == [
        "allowPrivilegeEscalation",
        "capabilities.drop",
        "runAsNonRoot",
        "seccompProfile.type",
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"hostNetwork": True}, "hostNetwork: not allowed"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volume v: hostPath is not allowed"),
        (
            {
                "securityContext": {
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                    "sysctls": [{"name": "kernel.msgmax", "value": "1"}],
                }
            },
            "securityContext.sysctls: kernel.msgmax is not allowed",
        ),
    ],
)
def test_what_a_pod_may_not_have(spec, expected):
    assert restricted_mistakes(pod(**spec)) == (expected,)


def test_ports_of_the_host_and_probes_of_other_hosts_are_refused():
    made = pod_with_sidecar()
    (sidecar,) = made["spec"]["initContainers"]
    sidecar["ports"][0]["hostPort"] = 8001
    sidecar["livenessProbe"]["httpGet"]["host"] = "example.com"

    assert restricted_mistakes(made) == (
        "container midrank: ports: no hostPort",
        "container midrank: probes and lifecycle hooks: no host",
    )

"""What is wrong is refused before anything is applied, by Helm's schema or by the chart, and in words."""

from __future__ import annotations

import copy

import pytest

from tests.deploy.helm import helm, render
from tests.deploy.values import over, own_values, value_mistakes, value_set

pytestmark = pytest.mark.helm

LOCAL = {"kind": "qdrant", "listen": "127.0.0.1:6433", "upstream": "http://qdrant:6333"}


def refusal(values, version="1.33"):
    with pytest.raises(helm.HelmError) as refused:
        render(values, version)
    return str(refused.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"gateway": {"replicas": 3}}, "additional properties 'replicas' not allowed"),
        ({"gateway": {"replicaCount": "two"}}, "at '/gateway/replicaCount'"),
        ({"gateway": {"resources": {"requests": {"cpu": "1 core"}}}}, "'1 core' does not match pattern"),
        (
            {"gateway": {"networkPolicy": {"clients": []}}},
            "minItems: got 0, want 1",
        ),  # which would be: anybody
        ({"image": {"digest": "latest"}}, "at '/image/digest'"),
        ({"secretEnv": {"KEY": "value"}}, "got string, want object"),
        ({"policy": {"config": {"rules": [{"budget": 1}]}}}, "additional properties 'budget' not allowed"),
        (
            {"policy": {"config": {"models": {"m": {"kind": "cross_encoder"}}}}},
            "at '/policy/config/models/m/kind': value must be one of 'cross_encoder_onnx'",
        ),
        ({"injector": {"failurePolicy": "ignore"}}, "value must be one of 'Ignore', 'Fail'"),
        ({"gateway": {"extraContainers": [{"name": "midrank"}]}}, "'not' failed"),
        ({"gateway": {"service": None}}, "missing property 'service'"),
    ],
)
def test_the_schema_names_the_place_and_what_is_allowed(more, said):
    assert said in refusal(over_set("gateway", more))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"policy": {"config": {"stores": []}}}, "there is no policy"),
        ({"policy": {"config": None}}, "there is no policy"),
        ({"policy": {"config": {"stores": [LOCAL]}}}, "only the pod itself reaches"),
        ({"policy": {"config": {"admin": "127.0.0.1:9901"}}}, "policy.config.admin is 127.0.0.1:9901"),
        (
            {"policy": {"config": {"stores": [LOCAL | {"listen": "${LISTEN:-0.0.0.0:1}"}]}}},
            "write it out as HOST:PORT",
        ),
        ({"policy": {"existingConfigMap": "mine"}}, "are both given"),
        ({"policy": {"existingConfigMap": "mine", "config": None}}, "name the ports"),
        ({"policy": {"config": {"secret": "0123456789abcdef"}}}, "policy.config.secret is written out"),
        (
            {"policy": {"config": {"rerank_api": {"listen": "0.0.0.0:1", "api_key": "hello"}}}},
            "policy.config.rerank_api.api_key is written out",
        ),
        (
            {"policy": {"config": {"cache": {"redis": {"url": "redis://:hello@redis"}}}}},
            "policy.config.cache.redis.url is written out",
        ),
        (
            {"policy": {"config": {"secret": "${MIDRANK_SECRET}"}}},
            "wants ${MIDRANK_SECRET}, which nothing sets",
        ),
        (
            {"gateway": {"service": {"ports": {"qdrant": 6333}}}},
            "gateway.service.ports.qdrant is no port of the policy: those are midrank",
        ),
        ({"gateway": {"terminationGracePeriodSeconds": 29}}, "draining takes up to 30"),
        ({"gateway": {"autoscaling": {"enabled": True, "minReplicas": 9}}}, "above maxReplicas, 8"),
        (
            {"gateway": {"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": None}}},
            "has nothing to go by",
        ),
        ({"gateway": {"gpu": {"enabled": True}}}, "no model of the policy runs on a GPU"),
        (
            {"gateway": {"gpu": {"enabled": True}}, "image": {"digest": f"sha256:{'a' * 64}"}},
            "image.digest is that of the CPU image",
        ),
        ({"models": {"source": "prepare"}}, "name the models in models.prepare.models"),
        ({"models": {"source": "initContainer"}}, "models.initContainer.image"),
        ({"models": {"source": "pvc"}}, "models.persistentVolumeClaim.claimName"),
        ({"models": {"source": "image"}}, "models.image.reference"),
        ({"sidecar": {"enabled": True}}, "either for a gateway or for a sidecar"),
        (
            {"injector": {"enabled": True, "listen": "127.0.0.1:8443"}},
            "injector.listen is 127.0.0.1:8443, where the API server does not reach it",
        ),
        ({"injector": {"enabled": True, "listen": "8443"}}, "write it out as HOST:PORT"),
        (
            {
                "injector": {
                    "enabled": True,
                    "tls": {"source": "existingSecret", "existingSecret": {"name": "x"}},
                }
            },
            "injector.tls.existingSecret.caBundle",
        ),
        (
            {
                "policy": {"config": {"admin": {"api_key": "${KEY:-}"}}},
                "metrics": {"serviceMonitor": {"enabled": True}},
            },
            "policy.config.admin.api_key guards /metrics too",
        ),
    ],
)
def test_the_chart_says_what_is_wrong_and_what_to_do(more, said):
    refused = refusal(over_set("gateway", more))

    assert "midrank: " in refused
    assert said in refused


@pytest.mark.parametrize(
    ("name", "more", "version", "said"),
    [
        (
            "gateway",
            {"models": {"source": "image", "image": {"reference": "weights:1"}}},
            "1.30",
            "image volumes want Kubernetes 1.31",
        ),
        ("sidecar", {"sidecar": {"native": True}}, "1.28", "sidecar.native wants Kubernetes 1.29"),
        ("injector", {"injector": {"sidecar": {"native": True}}}, "1.28", "say auto, or false"),
    ],
)
def test_an_older_kubernetes_is_told_from_a_newer_one(name, more, version, said):
    assert said in refusal(over_set(name, more), version)
    render(over_set(name, more), "1.31")


def test_a_null_is_refused_in_words_or_does_no_harm():
    """In Helm `key: null` takes a default away, and a template that relied on it fails with words of Go."""
    everything = over(
        value_set("gateway"), value_set("injector") | {"gateway": {"autoscaling": {"enabled": True}}}
    )
    for path in maps(own_values()):
        values = copy.deepcopy(everything)
        place = values
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = None
        if any("is a required property" in mistake for mistake in value_mistakes(values)):
            continue
        try:
            rendered = render(values)
        except helm.HelmRenderError as refused:
            assert "midrank: " in str(refused), path  # noqa: PT017 - either way is fine
        else:
            assert rendered.kinds() >= {"Deployment", "Service"}, path


def maps(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict):
            yield (*path, key)
            yield from maps(value, (*path, key))


def over_set(name, more):
    """Return a set with more over it; Helm itself takes away what is null."""
    return _merged(value_set(name), more)


def _merged(values, more):
    nested = {
        key: _merged(values.get(key) or {}, value) for key, value in more.items() if isinstance(value, dict)
    }
    return {**over(values, {}), **more, **nested}

"""Who reaches whom where the shipped network policies are enforced."""

from __future__ import annotations

import pytest

from tests.deploy.kustomized import needs_kubectl
from tests.deploy.network import Peer, reaches
from tests.deploy.shipped import applied

pytestmark = needs_kubectl

MONITORING = Peer("monitoring", {"app": "prometheus"})
STRANGER = Peer("elsewhere", {"app": "curious"})


def pod(documents, name):
    return next(one for one in documents.pods if one.place.endswith(f"/{name}"))


def peer(found):
    return Peer(found.namespace, found.labels)


def test_the_example_lets_through_what_it_needs_and_nothing_else():
    documents = applied("examples/rag-app")
    app, chroma, collector = (
        pod(documents, name) for name in ("rag-app", "chroma", "opentelemetry-collector")
    )

    assert reaches(documents, peer(app), chroma, 8000)
    assert reaches(documents, peer(app), collector, 4318)
    assert reaches(documents, STRANGER, app, "http")
    assert reaches(documents, MONITORING, app, "midrank-admin")
    assert not reaches(documents, STRANGER, app, "midrank-admin")
    assert not reaches(documents, MONITORING, app, "midrank")
    assert not reaches(documents, STRANGER, chroma, 8000)
    assert not reaches(documents, peer(collector), chroma, 8000)
    assert not reaches(documents, peer(chroma), collector, 4318)
    assert not reaches(documents, peer(app), collector, 13133)


@pytest.mark.parametrize("folder", ["overlays/gateway", "overlays/gpu"])
def test_a_gateway_is_asked_by_its_clients_and_watched_by_monitoring(folder):
    documents = applied(folder)
    gateway = pod(documents, "midrank")
    client = Peer("", {"app": "search", "midrank.dev/client": "true"})

    assert reaches(documents, client, gateway, "midrank")
    assert reaches(documents, MONITORING, gateway, "midrank-admin")
    assert not reaches(documents, Peer("", {"app": "search"}), gateway, "midrank")
    assert not reaches(documents, STRANGER, gateway, "midrank")
    assert not reaches(documents, client, gateway, "midrank-admin")


@pytest.mark.parametrize(
    ("name", "port"), [("chroma", 8000), ("redis", 6379), ("opentelemetry-collector", 4318)]
)
def test_a_gateway_gets_to_store_cache_and_collector(name, port):
    documents = applied("overlays/gateway")
    labels = {"app.kubernetes.io/name": name}
    needed = {"kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {"containers": []}}
    documents.all.append(needed)

    assert reaches(documents, peer(pod(documents, "midrank")), pod(documents, name), port)
    assert not reaches(documents, peer(pod(documents, "midrank")), pod(documents, name), port + 1)


@pytest.mark.parametrize("where", ["kube-system", "openshift-dns"])
@pytest.mark.parametrize(
    ("folder", "name"), [("overlays/gateway", "midrank"), ("examples/rag-app", "rag-app")]
)
def test_names_are_looked_up_wherever_the_clusters_dns_is(folder, name, where):
    dns = {"kind": "Pod", "metadata": {"name": "dns", "namespace": where}, "spec": {"containers": []}}
    documents = applied(folder)
    documents.all.append(dns)

    for protocol in ("UDP", "TCP"):
        assert reaches(documents, peer(pod(documents, name)), pod(documents, "dns"), 53, protocol)
        assert not reaches(documents, peer(pod(documents, name)), pod(documents, "dns"), 54, protocol)

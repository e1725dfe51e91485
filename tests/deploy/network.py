"""What network policies let through, from pod to pod, as the API documents it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tests.deploy.documents import Documents, Pod, matches, namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.deploy.documents import Document


class Peer(NamedTuple):
    """One end of a connection."""

    namespace: str
    labels: Mapping[str, str]


def reaches(documents: Documents, source: Peer, target: Pod, port: int | str, protocol: str = "TCP") -> bool:
    """Say whether a connection is let out by the source's policies, and in by the target's."""
    number = target.port(port) if isinstance(port, str) else port
    assert number is not None, f"{target.place} has no port {port}"
    asked = (target, number, protocol)
    end = Peer(target.namespace, target.labels)
    return _lets(documents, source, "Egress", end, asked) and _lets(documents, end, "Ingress", source, asked)


def _lets(
    documents: Documents, whose: Peer, direction: str, other: Peer, asked: tuple[Pod, int, str]
) -> bool:
    """Say whether the policies of one end allow the connection; without any, everything is allowed."""
    policies = [*_policies(documents, whose, direction)]
    side = "to" if direction == "Egress" else "from"
    return not policies or any(
        _is_peer(documents, rule.get(side), other, namespace(policy)) and _is_port(rule.get("ports"), *asked)
        for policy in policies
        for rule in policy["spec"].get(direction.lower()) or []
    )


def _policies(documents: Documents, whose: Peer, direction: str) -> Iterator[Document]:
    for policy in documents.of_kind("NetworkPolicy"):
        spec = policy["spec"]
        if direction not in spec["policyTypes"] or namespace(policy) != whose.namespace:
            continue
        if matches(spec["podSelector"], whose.labels):
            yield policy


def _is_peer(documents: Documents, peers: list[Mapping[str, Any]] | None, other: Peer, here: str) -> bool:
    if not peers:
        return True
    return any(_is_one(documents, peer, other, here) for peer in peers)


def _is_one(documents: Documents, peer: Mapping[str, Any], other: Peer, here: str) -> bool:
    if "ipBlock" in peer:
        return False  # of pods, nobody knows the address beforehand
    if "namespaceSelector" in peer:
        there = documents.get("Namespace", other.namespace, "") or {"metadata": {}}
        labels = {"kubernetes.io/metadata.name": other.namespace, **there["metadata"].get("labels", {})}
        inside = matches(peer["namespaceSelector"], labels)
    else:
        inside = other.namespace == here
    return inside and matches(peer.get("podSelector", {}), other.labels)


def _is_port(ports: list[Mapping[str, Any]] | None, target: Pod, number: int, protocol: str) -> bool:
    if not ports:
        return True
    return any(
        one.get("protocol", "TCP") == protocol
        and ("port" not in one or number == (target.port(one["port"]) or one["port"]))
        for one in ports
    )

"""URLs inside of manifests and policies must lead somewhere: into the pod itself, or to a Service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.deploy.documents import namespace
from tests.deploy.own_containers import served
from tests.deploy.references import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.documents import Documents, Pod

_URL = re.compile(r"(?:https?|rediss?)://[^\s\"',]+")
_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_INSIDE = ("127.0.0.1", "::1", "localhost")


def dead_addresses(documents: Documents) -> Iterator[str]:
    """Tell the URLs in environments and upstreams that nobody listens at; names with dots are the world's."""
    for pod in documents.pods:
        for container in pod.staying:
            for name, value in environment(documents, pod, container).items():
                for url in _URL.findall(value):
                    yield from _dead(documents, pod, f"{container['name']}: {name}", url)
    for one in served(documents):
        for store in one.policy.stores:
            yield from _dead(documents, one.pod, f"{one.container['name']}: {store.name}", store.upstream)


def _dead(documents: Documents, pod: Pod, who: str, url: str) -> Iterator[str]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if host in _INSIDE:
        if pod.port(port) is None:
            yield f"{pod.place}: {who}: no container has port {port} of {url}"
        return
    name, _, rest = host.partition(".")
    space = re.sub(r"\.svc(\.cluster\.local)?$", "", rest) or pod.namespace
    if rest == space and space not in map(namespace, documents):
        return  # some host of the world's, not NAME.NAMESPACE
    if not documents.has("Service", name, space):
        yield f"{pod.place}: {who}: no Service of {url}"
        return
    service = documents.get("Service", name, space)
    if service is not None and port not in [one["port"] for one in service["spec"]["ports"]]:
        yield f"{pod.place}: {who}: Service {name} has no port {port}"

"""Everything an API server accepts and a cluster then trips over, told before anything is applied.

documents       documents found by name, and the pods that come of them
references      ConfigMaps, Secrets, claims and accounts that pods name
selections      selectors, Services, autoscalers, disruption budgets, network policies
own_containers  midrank's arguments, policies, ports, probes, and the time it has to stop
addresses       URLs in environments and policies
network         what network policies let through
schemas         the API's own schemas, a version each
versions        all shipped manifests, against all versions: `python -m tests.deploy.versions`

What can be said of a pod by itself says the product: `proxy.injection.pod_checks`, by which the injector
also goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.injection.pod_checks import pod_mistakes
from proxy.injection.pod_security import restricted_mistakes
from tests.deploy.addresses import dead_addresses
from tests.deploy.documents import Documents, load
from tests.deploy.own_containers import wrong_containers
from tests.deploy.references import missing_references
from tests.deploy.selections import wrong_selections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.deploy.documents import Document

__all__ = ["load", "problems"]


def problems(applied: Iterable[Document], elsewhere: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with documents that are applied together, a sentence each; `[]`: nothing.

    `elsewhere` tells what the cluster has already, such as `Service/chroma`. Namespaces are taken to enforce
    the Pod Security Standard "restricted".
    """
    documents = Documents(applied, elsewhere)
    return [
        *_wrong_pods(documents),
        *missing_references(documents),
        *wrong_selections(documents),
        *wrong_containers(documents),
        *dead_addresses(documents),
    ]


def _wrong_pods(documents: Documents) -> Iterator[str]:
    for pod in documents.pods:
        mistakes = (*pod_mistakes(pod.template, claimed=pod.claimed), *restricted_mistakes(pod.template))
        yield from (f"{pod.place}: {mistake}" for mistake in mistakes)

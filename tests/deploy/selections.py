"""What documents choose by labels, and name by ports, must be there: selectors, Services, autoscalers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.deploy.documents import Documents, Pod, matches, namespace, place, pod_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deploy.documents import Document


def wrong_selections(documents: Documents) -> Iterator[str]:
    """Tell what chooses nothing, or names ports that nobody has."""
    yield from _given_twice(documents)
    for document in documents:
        match document["kind"]:
            case "Deployment" | "StatefulSet" | "DaemonSet":
                yield from _workload(document)
            case "Service":
                yield from _service(documents, document)
            case "HorizontalPodAutoscaler":
                yield from _autoscaler(documents, document)
            case "PodDisruptionBudget":
                yield from _disruption_budget(documents, document)
            case "NetworkPolicy":
                yield from _network_policy(documents, document)
            case "MutatingWebhookConfiguration":
                yield from _webhooks(documents, document)


def _given_twice(documents: Documents) -> Iterator[str]:
    seen = set()
    for one in documents:
        key = (namespace(one), place(one))
        if key in seen:
            yield f"{place(one)}: given twice"
        seen.add(key)


def _workload(document: Document) -> Iterator[str]:
    pod = pod_of(document)
    assert pod is not None
    if not matches(document["spec"]["selector"], pod.labels):
        yield f"{pod.place}: its selector does not match its own pods"
    spread = pod.spec.get("topologySpreadConstraints", [])
    anti = pod.spec.get("affinity", {}).get("podAntiAffinity", {})
    terms = [
        *anti.get("requiredDuringSchedulingIgnoredDuringExecution", []),
        *(one["podAffinityTerm"] for one in anti.get("preferredDuringSchedulingIgnoredDuringExecution", [])),
    ]
    for one in (*spread, *terms):
        if not matches(one["labelSelector"], pod.labels):
            yield f"{pod.place}: spread by labels that its own pods lack: {one['topologyKey']}"


def _service(documents: Documents, service: Document) -> Iterator[str]:
    selector = service["spec"].get("selector")
    if selector is None:
        return
    chosen = documents.chosen({"matchLabels": selector}, namespace(service))
    if not chosen:
        yield f"{place(service)}: chooses no pod"
    for port in service["spec"].get("ports", []):
        wanted = port.get("targetPort", port["port"])
        yield from (
            f"{place(service)}: {pod.place} has no port {wanted}"
            for pod in chosen
            if pod.port(wanted) is None
        )


def _autoscaler(documents: Documents, autoscaler: Document) -> Iterator[str]:
    reference = autoscaler["spec"]["scaleTargetRef"]
    target = documents.get(reference["kind"], reference["name"], namespace(autoscaler))
    if target is None:
        yield f"{place(autoscaler)}: no {reference['kind']} {reference['name']}"
        return
    if target["apiVersion"] != reference["apiVersion"]:
        yield f"{place(autoscaler)}: {place(target)} is of {target['apiVersion']}"
    if "replicas" in target["spec"]:
        yield f"{place(target)}: sets replicas beside its autoscaler, which every apply undoes"
    pod = pod_of(target)
    assert pod is not None
    for metric in autoscaler["spec"].get("metrics", []):
        if metric["type"] == "Resource":
            yield from _without_request(pod, metric["resource"]["name"])


def _without_request(pod: Pod, resource: str) -> Iterator[str]:
    """Tell the containers without a request, of which a utilization would be a share."""
    for one in pod.staying:
        resources = one.get("resources", {})
        if resource not in {**resources.get("limits", {}), **resources.get("requests", {})}:
            yield f"{pod.place}: {one['name']} requests no {resource}, which the autoscaler goes by"


def _disruption_budget(documents: Documents, budget: Document) -> Iterator[str]:
    chosen = documents.chosen(budget["spec"]["selector"], namespace(budget))
    if not chosen:
        yield f"{place(budget)}: chooses no pod"
    if budget["spec"].get("maxUnavailable") in (0, "0%"):
        yield f"{place(budget)}: lets no pod go, so no node can be drained"


def _network_policy(documents: Documents, policy: Document) -> Iterator[str]:
    spec = policy["spec"]
    chosen = documents.chosen(spec["podSelector"], namespace(policy))
    if not chosen:
        yield f"{place(policy)}: chooses no pod"
    for rule in spec.get("ingress", []):
        for port in rule.get("ports", []):
            missing = [pod.place for pod in chosen if _lacks(pod, port.get("port"))]
            yield from (f"{place(policy)}: {one} has no port {port['port']}" for one in missing)


def _webhooks(documents: Documents, configuration: Document) -> Iterator[str]:
    for webhook in configuration["webhooks"]:
        asked = webhook["clientConfig"]["service"]
        service = documents.get("Service", asked["name"], asked["namespace"])
        ports = [] if service is None else [one["port"] for one in service["spec"]["ports"]]
        if asked.get("port", 443) not in ports:
            yield f"{place(configuration)}: nobody listens at {asked['name']}.{asked['namespace']}"


def _lacks(pod: Pod, port: Any) -> bool:
    return port is not None and pod.port(port) is None

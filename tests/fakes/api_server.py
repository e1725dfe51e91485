"""An API server as far as webhooks see it, built from what a kube-apiserver 1.36.2 was seen to do.

It reads a MutatingWebhookConfiguration, selects by labels and conditions, asks over TLS with the caBundle,
and does with the answers what the real one does, under failurePolicy Ignore or Fail:

    ok, no patch, warnings                                        admitted
    allowed: false                                                403, whatever the policy
    a patch that does not apply                                   500, whatever the policy
    a patched pod that is not valid                               422, whatever the policy
    no answer, a status above 200, a wrong uid or apiVersion,     admitted without a patch, or 500 under Fail
    a patch that is no JSON or has no patchType
"""

from __future__ import annotations

import base64
import copy
import io
import json
import ssl
import uuid
from dataclasses import dataclass, field

import aiohttp
import jsonpatch

from proxy.injection.pod_checks import pod_mistakes
from tests.deploy.schemas import schema_mistakes


def _speaks(pod):
    metadata = pod["metadata"]
    annotated = any(key.startswith("midrank.dev/") for key in metadata.get("annotations") or {})
    return annotated or "midrank.dev/inject" in (metadata.get("labels") or {})


def _is_no_mirror(pod):
    return "kubernetes.io/config.mirror" not in (pod["metadata"].get("annotations") or {})


# What conditions say, for those that there are: there is no interpreter of CEL here.
CONDITIONS = {
    "(has(object.metadata.annotations) "
    "&& object.metadata.annotations.exists(k, k.startsWith('midrank.dev/'))) "
    "|| (has(object.metadata.labels) && 'midrank.dev/inject' in object.metadata.labels)": _speaks,
    "!has(object.metadata.annotations) "
    "|| !('kubernetes.io/config.mirror' in object.metadata.annotations)": _is_no_mirror,
}


class Refused(Exception):
    """A pod that is not created, with the status that its creator gets."""

    def __init__(self, status, why):
        super().__init__(f"{status}: {why}")
        self.status = status


@dataclass
class Created:
    """A pod that is: `asked` are the webhooks that were, in order; `warnings` is what its creator reads."""

    pod: dict
    asked: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class _Failed(Exception):
    """An answer that does not count: the failurePolicy says what follows."""


class ApiServer:
    """Creates pods in namespaces that have labels; `addresses` say where each webhook's Service leads."""

    def __init__(self, configurations, *, namespaces, addresses, version="1.36"):
        self._webhooks = [hook for one in configurations for hook in one["webhooks"]]
        self._namespaces, self._addresses, self._version = namespaces, addresses, version

    async def create(self, pod, namespace="rag", *, dry_run=False):
        """Return the pod as it would be stored."""
        made = Created(copy.deepcopy(pod))
        made.pod["metadata"]["namespace"] = namespace
        left = {}
        for hook in self._webhooks:
            if await self._ask(hook, made, namespace, dry_run=dry_run):
                left[hook["name"]] = copy.deepcopy(made.pod)
        for hook in self._webhooks:
            again = hook.get("reinvocationPolicy") == "IfNeeded"
            if again and left.get(hook["name"], made.pod) != made.pod:
                await self._ask(hook, made, namespace, dry_run=dry_run)
        if mistakes := (*schema_mistakes(made.pod, self._version), *pod_mistakes(made.pod)):
            raise Refused(422, mistakes)
        return made

    async def _ask(self, hook, made, namespace, *, dry_run):
        """Ask a webhook if it is to be asked, and return whether it was."""
        if not self._selects(hook, made.pod, namespace):
            return False
        made.asked.append(hook["name"])
        try:
            response = await self._response(hook, made.pod, namespace, dry_run=dry_run)
            patch = _patch(response)
        except (_Failed, aiohttp.ClientError, TimeoutError) as error:
            if hook["failurePolicy"] == "Fail":
                raise Refused(500, repr(error)) from error
            return True
        made.warnings += response.get("warnings", [])
        if not response["allowed"]:
            raise Refused(403, response.get("status"))
        try:
            made.pod = jsonpatch.apply_patch(made.pod, patch)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise Refused(500, repr(error)) from error
        return True

    def _selects(self, hook, pod, namespace):
        labels = {"kubernetes.io/metadata.name": namespace, **self._namespaces[namespace]}
        (rule,) = hook["rules"]
        assert rule["operations"] == ["CREATE"]
        assert rule["resources"] == ["pods"]
        return (
            _matches(hook.get("namespaceSelector"), labels)
            and _matches(hook.get("objectSelector"), pod["metadata"].get("labels") or {})
            and all(CONDITIONS[one["expression"]](pod) for one in hook.get("matchConditions", []))
        )

    async def _response(self, hook, pod, namespace, *, dry_run):
        config = hook["clientConfig"]
        service = config["service"]
        host, port = self._addresses[service["name"]]
        review = _review(pod, namespace, dry_run=dry_run)
        timeout = hook["timeoutSeconds"]
        trust = ssl.create_default_context(cadata=base64.b64decode(config["caBundle"]).decode())
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(timeout)) as session,
            session.post(
                f"https://{host}:{port}{service['path']}?timeout={timeout}s",
                # A body of megabytes would block the loop.
                data=io.BytesIO(json.dumps(review).encode()),
                headers={"Content-Type": "application/json"},
                ssl=trust,
                server_hostname=f"{service['name']}.{service['namespace']}.svc",
            ) as answer,
        ):
            if answer.status != 200:
                raise _Failed(answer.status)
            told = await answer.json()
        response = told.get("response") or {}
        right = told.get("apiVersion") == "admission.k8s.io/v1" and told.get("kind") == "AdmissionReview"
        if not right or response.get("uid") != review["request"]["uid"]:
            raise _Failed("not an answer to this review")
        return response


def _review(pod, namespace, *, dry_run):
    pods = {"group": "", "version": "v1", "resource": "pods"}
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": str(uuid.uuid4()),
            "kind": kind,
            "resource": pods,
            "requestKind": kind,
            "requestResource": pods,
            **({"name": pod["metadata"]["name"]} if "name" in pod["metadata"] else {}),
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": "admin"},
            "object": pod,
            "oldObject": None,
            "dryRun": dry_run,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def _patch(response):
    if "patch" not in response:
        return []
    if response.get("patchType") != "JSONPatch":
        raise _Failed("a patch without its type")
    try:
        return json.loads(base64.b64decode(response["patch"], validate=True))
    except ValueError as error:
        raise _Failed("a patch that is no JSON") from error


def _matches(selector, labels):
    operators = {
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
        "Exists": lambda value, _: value is not None,
        "DoesNotExist": lambda value, _: value is None,
    }
    return all(
        operators[one["operator"]](labels.get(one["key"]), one.get("values"))
        for one in (selector or {}).get("matchExpressions", [])
    ) and all(labels.get(key) == value for key, value in (selector or {}).get("matchLabels", {}).items())

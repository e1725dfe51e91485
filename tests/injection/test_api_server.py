"""The stand-in for an API server does with a webhook's answers what the real one was seen to do."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl

import pytest
from aiohttp import web

from tests.fakes.api_server import ApiServer, Refused
from tests.fakes.certificates import Authority, mount
from tests.fakes.pods import SIDECAR, pod

pytestmark = pytest.mark.wire


def patch(*operations):
    return {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


def sidecar(**keys):
    containers = [{"name": "first", "image": "x", **keys}]
    return patch({"op": "add", "path": "/spec/initContainers", "value": containers})


# What is answered; what becomes of the pod under Ignore, and under Fail. A number is a refusal.
OUTCOMES = {
    "nothing": ({}, "as it was", "as it was"),
    "a patch": (sidecar(), "patched", "patched"),
    "a warning": ({"warnings": ["x"]}, "as it was", "as it was"),
    "a denial": ({"allowed": False}, 403, 403),
    "a patch that does not apply": (patch({"op": "add", "path": "/spec/nope/0", "value": 1}), 500, 500),
    "a pod without an image": (sidecar(image=None), 422, 422),
    "a pod that only an API server finds wrong": (sidecar(restartPolicy="always"), 422, 422),
    "a mount without a volume": (sidecar(volumeMounts=SIDECAR["volumeMounts"]), 422, 422),
    "a patch that is no JSON": ({**patch(), "patch": base64.b64encode(b"{}x").decode()}, "as it was", 500),
    "a patch without its type": ({"patch": patch()["patch"]}, "as it was", 500),
    "another uid": ({"uid": "x"}, "as it was", 500),
    "no version": ({"apiVersion": None}, "as it was", 500),
    "a status of 500": ({"status": 500}, "as it was", 500),
    "too late": ({"seconds": 1.5}, "as it was", 500),
}


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def context(authority, tmp_path):
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*mount(tmp_path, authority.issue()))
    return made


@pytest.fixture
async def create(authority, context):
    """Return what creates a pod with a webhook that answers so, and tells what became of it."""
    runners = []

    async def created(answered, policy):
        async def answer(request):
            review = await request.json()
            told = {"uid": review["request"]["uid"], "allowed": True, **answered}
            await asyncio.sleep(told.pop("seconds", 0))
            version, status = told.pop("apiVersion", review["apiVersion"]), told.pop("status", 200)
            whole = {"apiVersion": version, "kind": "AdmissionReview", "response": told}
            return web.json_response(whole, status=status)

        app = web.Application()
        app.router.add_post("/mutate", answer)
        runners.append(web.AppRunner(app, shutdown_timeout=0))
        await runners[0].setup()
        await web.TCPSite(runners[0], "127.0.0.1", 0, ssl_context=context).start()
        hook = {
            "name": "w",
            "rules": [{"operations": ["CREATE"], "resources": ["pods"]}],
            "failurePolicy": policy,
            "timeoutSeconds": 1,
            "clientConfig": {
                "service": {"name": "midrank-injector", "namespace": "midrank-system", "path": "/mutate"},
                "caBundle": base64.b64encode(authority.pem).decode(),
            },
        }
        addresses = {"midrank-injector": runners[0].addresses[0]}
        cluster = ApiServer([{"webhooks": [hook]}], namespaces={"rag": {}}, addresses=addresses)
        try:
            made = await cluster.create(pod())
        except Refused as refused:
            return refused.status
        return "as it was" if made.pod["spec"] == pod()["spec"] else "patched"

    yield created
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize(("answered", "ignore", "fail"), OUTCOMES.values(), ids=OUTCOMES)
async def test_what_becomes_of_a_pod(create, answered, ignore, fail):
    assert await create(answered, "Ignore") == ignore


@pytest.mark.parametrize(("answered", "ignore", "fail"), OUTCOMES.values(), ids=OUTCOMES)
async def test_what_becomes_of_a_pod_that_must_be_looked_at(create, answered, ignore, fail):
    assert await create(answered, "Fail") == fail

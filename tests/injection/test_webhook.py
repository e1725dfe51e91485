"""The webhook behind an API server: our own process, over TLS, with the configuration that is shipped."""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import json
import ssl
import threading
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web

from proxy.errors import BadConfig
from proxy.injection.certificates import Certificates
from proxy.injection.pod_security import restricted_mistakes
from proxy.injection.server import AT_ONCE, MAX_BODY, Webhook
from proxy.injection.settings import WebhookSettings
from tests.deploy.schemas import schema_mistakes
from tests.fakes.api_server import ApiServer, Refused
from tests.fakes.certificates import Authority, mount
from tests.fakes.pods import pod, recorded

SHIPPED = Path(__file__).parents[2] / "deploy" / "injector" / "base" / "webhook.yaml"
ASKS = {"inject": "true", "policy": "midrank"}
NAMESPACES = {
    "rag": {"midrank.dev/injection": "enabled"},
    "other": {},
    "kube-system": {"midrank.dev/injection": "enabled"},
}
pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def files(authority, tmp_path):
    return mount(tmp_path, authority.issue())


@pytest.fixture
def certificates(files):
    return Certificates(*files)


@pytest.fixture
async def webhook(certificates):
    made = Webhook(WebhookSettings(), certificates, ("127.0.0.1", 0), grace=5)
    await made.start()
    yield made
    await made.close(0)


@pytest.fixture
def configuration(authority):
    made = yaml.safe_load(SHIPPED.read_text())
    (hook,) = made["webhooks"]
    hook["clientConfig"]["caBundle"] = base64.b64encode(authority.pem).decode()
    return made


@pytest.fixture
def cluster(configuration, webhook):
    return ApiServer([configuration], namespaces=NAMESPACES, addresses={"midrank-injector": webhook.address})


@pytest.fixture
async def ask(webhook, authority):
    """Return what sends a request to the webhook, as curl would."""
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(
        f"https://127.0.0.1:{webhook.address[1]}", connector=connector
    ) as session:

        async def asked(path, method="GET", **options):
            async with session.request(method, path, **options) as answer:
                return answer.status, await answer.text()

        yield asked


async def test_a_pod_that_asks_gets_a_sidecar(cluster):
    made = await cluster.create(pod(ASKS))

    assert made.pod["spec"]["initContainers"][0]["name"] == "midrank"
    assert made.pod["metadata"]["labels"]["midrank.dev/injected"] == "true"
    assert made.warnings == []
    assert restricted_mistakes(made.pod) == ()


async def test_a_dry_run_gets_it_as_well(cluster):
    made = await cluster.create(pod(ASKS), dry_run=True)

    assert made.pod["spec"]["initContainers"][0]["name"] == "midrank"


@pytest.mark.parametrize("policy", ["Ignore", "Fail"])
async def test_a_pod_that_asks_wrongly_is_created_without_and_told_why(cluster, configuration, policy):
    configuration["webhooks"][0]["failurePolicy"] = policy
    asked = pod({**ASKS, "cpu-limit": "1 GB"})

    made = await cluster.create(asked)

    assert made.pod["spec"] == asked["spec"]
    assert made.warnings == [
        "midrank: no sidecar: midrank.dev/cpu-limit: should be a quantity such as 500m or 1Gi"
    ]


@pytest.mark.parametrize(
    ("made", "namespace"),
    [
        (pod(), "rag"),
        (pod(ASKS), "other"),
        (pod(ASKS), "kube-system"),
    ],
    ids=["asks nothing", "no label", "the cluster's own"],
)
async def test_other_pods_never_come_to_the_webhook(cluster, made, namespace):
    assert (await cluster.create(made, namespace)).asked == []


async def test_a_label_keeps_a_pod_from_the_webhook(cluster):
    asked = pod(ASKS)
    asked["metadata"]["labels"]["midrank.dev/inject"] = "false"

    assert (await cluster.create(asked)).asked == []


async def test_a_mirror_of_a_static_pod_never_comes(cluster):
    asked = pod(ASKS)
    asked["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "x"

    assert (await cluster.create(asked)).asked == []


@pytest.fixture
async def mesh(authority, tmp_path_factory):
    """Yield the address of another webhook: it edits our container, as meshes do."""

    async def edit(request):
        review = await request.json()
        variable = {"name": "OTHER", "value": "1"}
        patch = [{"op": "add", "path": "/spec/initContainers/0/env/-", "value": variable}]
        response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch"}
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        told = {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
        return web.json_response(told)

    app = web.Application()
    app.router.add_post("/mutate", edit)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pair = authority.issue("mesh.midrank-system.svc")
    context.load_cert_chain(*mount(tmp_path_factory.mktemp("mesh"), pair))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0]
    await runner.cleanup()


async def test_it_is_asked_again_after_another_webhook_and_has_nothing_to_add(configuration, webhook, mesh):
    other = copy.deepcopy(configuration)
    other["webhooks"][0] |= {"name": "mesh", "matchConditions": [], "reinvocationPolicy": "Never"}
    other["webhooks"][0]["clientConfig"]["service"]["name"] = "mesh"
    addresses = {"midrank-injector": webhook.address, "mesh": mesh}

    made = await ApiServer([configuration, other], namespaces=NAMESPACES, addresses=addresses).create(
        pod(ASKS)
    )

    assert made.asked == ["injector.midrank.dev", "mesh", "injector.midrank.dev"]
    (sidecar,) = made.pod["spec"]["initContainers"]
    assert sidecar["env"][-1] == {"name": "OTHER", "value": "1"}
    assert made.warnings == []


async def test_without_the_webhook_pods_are_created_without_sidecar(cluster, configuration, webhook):
    await webhook.close(0)

    made = await cluster.create(pod(ASKS))

    assert made.pod["spec"] == pod(ASKS)["spec"]
    configuration["webhooks"][0]["failurePolicy"] = "Fail"
    with pytest.raises(Refused, match="500"):
        await cluster.create(pod(ASKS))


async def test_a_certificate_of_somebody_else_is_no_webhook(cluster, configuration):
    configuration["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(Authority().pem).decode()

    assert "initContainers" not in (await cluster.create(pod(ASKS))).pod["spec"]


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.37"])
async def test_the_pod_is_valid_in_every_version_with_native_sidecars(cluster, version):
    made = await cluster.create(pod({**ASKS, "secret": "keys", "models-claim": "models"}))

    assert schema_mistakes(made.pod, version) == []


async def test_a_pod_of_two_megabytes_gets_its_sidecar(cluster):
    large = pod(ASKS)
    large["spec"]["containers"][0]["env"] = [{"name": f"V{n}", "value": "x" * 100} for n in range(16_000)]
    assert len(json.dumps(large)) > 2_000_000

    made = await cluster.create(large)

    assert made.pod["spec"]["initContainers"][0]["name"] == "midrank"
    assert made.pod["spec"]["containers"] == large["spec"]["containers"]


async def test_a_new_certificate_is_served_to_who_comes_next(certificates, authority, tmp_path):
    webhook = Webhook(WebhookSettings(), certificates, ("127.0.0.1", 0), grace=5)
    await webhook.start()
    trust = ssl.create_default_context(cadata=authority.pem.decode())

    async def presented(name):
        _, writer = await asyncio.open_connection(*webhook.address, ssl=trust, server_hostname=name)
        serial = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        writer.close()
        return serial

    try:
        # An address is no server name: the certificate must change for who sends none, too.
        before = {await presented("midrank-injector.midrank-system.svc"), await presented("127.0.0.1")}
        mount(tmp_path, authority.issue())
        assert await asyncio.to_thread(certificates.refresh) is True
        after = {await presented("midrank-injector.midrank-system.svc"), await presented("127.0.0.1")}
    finally:
        await webhook.close(0)

    assert len(before) == len(after) == 1
    assert before != after


def test_half_of_a_swap_is_waited_out(certificates, authority, tmp_path):
    (certificate, _), (_, key) = authority.issue(), authority.issue()
    mount(tmp_path, (certificate, key))

    assert certificates.refresh() is False
    assert certificates.refresh() is False
    mount(tmp_path, authority.issue())
    assert certificates.refresh() is True
    assert certificates.refresh() is None


async def test_files_are_looked_at_while_it_serves(certificates, authority, tmp_path):
    heard = asyncio.Queue()
    watching = asyncio.create_task(certificates.watch(heard.put_nowait, every=0.01))
    mount(tmp_path, authority.issue())

    assert await heard.get() is True
    watching.cancel()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_it_does_not_start_without_a_certificate(files, content):
    path = files[0].resolve()
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(BadConfig, match="--cert, --key"):
        Certificates(*files)


async def test_old_tls_is_not_spoken(webhook):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(*webhook.address, ssl=context)


async def test_probes_are_answered(ask):
    assert await ask("/live") == (200, "live\n")
    assert await ask("/ready") == (200, "ready\n")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"apiVersion":"admission.k8s.io/v1","request":{}}', b"[" * 9999],
)
async def test_what_is_no_review_is_a_400(ask, body):
    status, _ = await ask("/mutate", "POST", data=body)

    assert status == 400


async def test_a_body_that_does_not_come_is_not_waited_for(certificates, authority):
    webhook = Webhook(WebhookSettings(), certificates, ("127.0.0.1", 0), grace=5, patience=0.05)
    await webhook.start()
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    reader, writer = await asyncio.open_connection(*webhook.address, ssl=trust)
    writer.write(b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")

    status = await reader.readline()

    writer.close()
    await webhook.close(0)
    assert status == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_a_body_that_is_too_large_is_a_413(ask):
    status, _ = await ask("/mutate", "POST", data=io.BytesIO(b" " * (MAX_BODY + 1)))

    assert status == 413


async def test_a_body_that_says_that_it_is_too_large_is_not_waited_for(webhook, authority):
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    reader, writer = await asyncio.open_connection(*webhook.address, ssl=trust)
    writer.write(f"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode())

    assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    writer.close()


class Waiting:
    """Settings that take as long to read as the test wants."""

    def __init__(self):
        self.readers, self.enough = 0, threading.Event()

    def __getattr__(self, name):
        self.readers += 1
        self.enough.wait()
        raise AttributeError(name)


async def test_reviews_that_nobody_waits_for_any_more_keep_their_turn(certificates, authority):
    """Else what takes long, sent again and again, would take a thread each time."""
    settings = Waiting()
    webhook = Webhook(settings, certificates, ("127.0.0.1", 0), grace=5, patience=0.1)
    await webhook.start()
    review = recorded("create")
    review["request"]["object"] = pod(ASKS)
    trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority.pem.decode()))
    async with aiohttp.ClientSession(connector=trust) as session:
        url = f"https://127.0.0.1:{webhook.address[1]}/mutate"
        for _ in range(AT_ONCE + 2):
            async with session.post(url, json=review) as answer:
                assert answer.status == 408
    readers = settings.readers
    settings.enough.set()
    await webhook.close(0)

    assert readers == AT_ONCE


async def test_outcomes_are_counted(ask):
    review = recorded("create")
    review["request"]["object"] = pod(ASKS)
    await ask("/mutate", "POST", json=review)
    await ask("/mutate", "POST", data=b"{")
    _, text = await ask("/metrics")

    assert 'midrank_webhook_reviews_total{outcome="injected"} 1.0' in text
    assert 'midrank_webhook_reviews_total{outcome="unreadable"} 1.0' in text
    assert "midrank_webhook_review_seconds_count 1.0" in text


async def test_while_it_drains_it_answers_and_sends_clients_away(certificates, authority):
    webhook = Webhook(WebhookSettings(), certificates, ("127.0.0.1", 0), grace=5)
    await webhook.start()
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        url = f"https://127.0.0.1:{webhook.address[1]}/ready"
        async with session.get(url) as answer:
            assert answer.status == 200
        closing = asyncio.create_task(webhook.close(0.5))
        await asyncio.sleep(0)
        async with session.get(url) as answer:
            assert answer.status == 503
            assert answer.headers["Connection"] == "close"
    await closing


async def test_an_address_that_is_taken_is_a_mistake_of_the_command_line(webhook, certificates):
    other = Webhook(WebhookSettings(), certificates, webhook.address, grace=5)

    with pytest.raises(BadConfig, match="--listen"):
        await other.start()
    await other.close(0)

"""The webhook's HTTPS port: reviews for the API server, and probes.

POST /mutate     an AdmissionReview, answered by `reviews`; 400 what is none, 413 above 3 MiB
GET  /live       200
GET  /ready      200, or 503 once it is being stopped
GET  /metrics    Prometheus text
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from proxy.errors import BadConfig, Mistake
from proxy.injection.reviews import Unreadable, reviewed
from proxy.tasks import Tasks

if TYPE_CHECKING:
    from proxy.injection.certificates import Certificates
    from proxy.injection.settings import WebhookSettings

# etcd stores objects of 1.5 MiB; as JSON they are longer.
MAX_BODY = 3 * 1024 * 1024
# Seconds for a whole review, reading it included: less than an API server waits for.
PATIENCE = 4.0
# Bodies that are held at the same time, and those of them that are thought about; the others wait for their
# turn. Anyone who reaches the port can send any: both times MAX_BODY must fit into the container's memory.
BODIES, AT_ONCE = 8, 2
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

_log = logging.getLogger(__name__)


class Webhook:
    """Answers reviews on one address until it is drained."""

    def __init__(
        self,
        settings: WebhookSettings,
        certificates: Certificates,
        address: tuple[str, int],
        *,
        grace: float,
        patience: float = PATIENCE,
    ) -> None:
        """Take where to listen, and the seconds for a review and for what is under way at the end."""
        self._settings, self._certificates = settings, certificates
        self._host, self._port = address
        self._patience = patience
        self._draining = False
        self._turns = asyncio.Semaphore(BODIES)
        # A thread that is not waited for any more goes on: so threads are counted, not those who wait.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="review")
        self._tasks = Tasks()
        self._registry = CollectorRegistry()
        self._reviews = Counter(
            "midrank_webhook_reviews", "Reviews answered.", ("outcome",), registry=self._registry
        )
        self._seconds = Histogram(
            "midrank_webhook_review_seconds",
            "Time to answer a review.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._loads = Counter(
            "midrank_webhook_certificates", "Certificates found.", ("result",), registry=self._registry
        )
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/mutate", self._mutate)
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.on_response_prepare.append(self._last_answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=grace)

    @property
    def address(self) -> tuple[str, int]:
        """The bound host and port."""
        host, port, *_ = self._runner.addresses[0]
        return host, port

    async def start(self) -> None:
        """Listen.

        Raises:
            BadConfig: the address can't be bound.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._certificates.context)
        try:
            await site.start()
        except OSError as error:
            at = f"{self._host}:{self._port}"
            why = "an address of this machine that is free"
            raise BadConfig((Mistake("(command line)", "--listen", at, why),)) from error
        self._tasks.spawn(self._certificates.watch(self._certificate_came), "certificates")
        _log.info("webhook listening", extra={"at": "{}:{}".format(*self.address)})

    async def close(self, delay: float) -> None:
        """Say that it is not ready, go on for `delay` seconds, then finish what is under way."""
        self._draining = True
        # Until the last node knows that this replica is going, reviews still come here.
        await asyncio.sleep(delay)
        await self._tasks.close()
        await self._runner.cleanup()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _mutate(self, request: web.Request) -> web.Response:
        began = perf_counter()
        try:
            async with asyncio.timeout(self._patience), self._turns:
                body = await _body(request)
                # In a thread, so that probes are answered while it reads a pod of megabytes.
                thinks = asyncio.get_running_loop().run_in_executor
                answer = await thinks(self._threads, reviewed, body, self._settings)
        except Unreadable as error:
            self._reviews.labels("unreadable").inc()
            return web.json_response({"error": "bad_request", "message": str(error)}, status=400)
        except web.HTTPRequestEntityTooLarge:
            self._reviews.labels("unreadable").inc()
            raise
        except TimeoutError:
            self._reviews.labels("timeout").inc()
            return web.json_response({"error": "request_timeout"}, status=408)
        self._reviews.labels(answer.outcome.value).inc()
        self._seconds.observe(perf_counter() - began)
        return web.Response(body=answer.body, content_type="application/json")

    async def _live(self, _request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        status, word = (503, "draining") if self._draining else (200, "ready")
        return web.Response(text=f"{word}\n", status=status)

    async def _metrics(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        return web.Response(body=generate_latest(self._registry), headers=headers)

    async def _last_answer(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Send clients to another replica: a connection that stays could be closed under a review."""
        if self._draining:
            # The headers have been made by now, from a connection that was to stay.
            response.headers["Connection"] = "close"
            response.force_close()

    def _certificate_came(self, good: bool) -> None:
        self._loads.labels("taken" if good else "rejected").inc()


async def _body(request: web.Request) -> bytes:
    """Return the body, and none of one that says that it is too large."""
    if (length := request.content_length or 0) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY, length)
    return await request.read()

"""Metrics as text: what a scrape of a serving midrank reads."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy import __version__
from proxy.telemetry.prometheus import PrometheusText
from tests.fakes.odd_scorers import Crashing, Reversing
from tests.telemetry.serving import served


def samples(text):
    """Return the values of all samples, by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.fixture(autouse=True)
def prometheus(variables):
    variables(METRICS_EXPORTER="prometheus")


async def test_a_search_is_counted_and_timed():
    async with served(Reversing()) as midrank:
        await midrank.search()
        text, content_type = await midrank.scrape()

    read = samples(text)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    outcome = ("midrank_rank_outcomes_total", ("midrank_outcome", "reranked"), ("midrank_store", "chroma"))
    assert read[outcome] == 1
    assert read["midrank_build", ("midrank_version", __version__)] == 1
    assert read["midrank_connections", ("midrank_store", "chroma")] == 1
    assert read["midrank_model_ready", ("reranker_model_name", "default")] == 1
    assert read[("midrank_loop_lag_seconds",)] >= 0
    assert read[("process_memory_usage_bytes",)] > 1e7
    request = [key for key in read if key[0] == "http_server_request_duration_seconds_count"]
    assert request == [
        (
            "http_server_request_duration_seconds_count",
            ("http_request_method", "POST"),
            ("http_response_status_code", "200"),
            ("midrank_claimed", "true"),
            ("midrank_store", "chroma"),
        )
    ]


async def test_what_passes_through_is_timed_too():
    async with served(Reversing()) as midrank:
        await midrank._http.get(midrank.url + "/api/v2/heartbeat")
        text, _ = await midrank.scrape()

    (key,) = (key for key in samples(text) if key[0] == "http_server_request_duration_seconds_count")
    assert ("midrank_claimed", "false") in key


class Mute(asyncio.Protocol):
    """A store that takes everything and says nothing."""


async def test_a_client_that_leaves_without_an_answer_is_told_apart():
    async with served(Reversing(), store=Mute) as midrank:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await midrank.search()
        text = b""
        async with asyncio.timeout(20):
            while b'error_type="broken_off"' not in text:  # it notices by and by
                text, _ = await midrank.scrape()

    (key,) = (key for key in samples(text) if key[0] == "http_server_request_duration_seconds_count")
    assert {("error_type", "broken_off"), ("midrank_claimed", "true")} <= set(key)


async def test_openmetrics_comes_for_who_asks_for_it():
    async with served(Reversing()) as midrank:
        text, content_type = await midrank.scrape("application/openmetrics-text;version=1.0.0")

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")


async def test_nothing_is_said_that_whoever_scrapes_adds_by_himself():
    async with served(Reversing()) as midrank:
        await midrank.search()
        text, _ = await midrank.scrape()

    assert b"target_info" not in text
    assert b"otel_scope" not in text
    assert b"python_gc" not in text, "the library's own registry stays out of it"


async def test_many_scrapes_at_once_read_the_same():
    async with served(Reversing()) as midrank:
        await midrank.search()
        texts = await asyncio.gather(*(midrank.scrape() for _ in range(5)))

    names = [re.findall(rb"^# TYPE (\S+)", text, re.MULTILINE) for text, _ in texts]
    assert all(one == names[0] for one in names)
    assert len(names[0]) == len(set(names[0])), "a metric is told once"


async def test_collections_are_no_labels_of_what_is_counted_at_requests():
    async with served(Crashing()) as midrank:
        await midrank.search()
        text, _ = await midrank.scrape()

    assert b"collection" not in text


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_promtool_has_nothing_to_say_about_the_format():
    async with served(Reversing()) as midrank:
        await midrank.search()
        text, _ = await midrank.scrape()

    checked = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert checked.returncode in (0, 3), checked.stderr  # 3: it would have named something otherwise
    named = {line.split()[0] for line in checked.stderr.decode().splitlines()}
    assert named == {"process_thread_count", "process_unix_file_descriptor_count"}, "see docs/telemetry.md"
    assert b"error while linting" not in checked.stderr


async def test_an_event_loop_that_hangs_keeps_nobody_for_longer_than_one_question():
    read = []
    async with served(Reversing()) as midrank:
        scraping = threading.Thread(target=lambda: read.append(asyncio.run(midrank.scrape())))
        scraping.start()
        scraping.join(5)  # what an exporter has for all of it; here the loop hangs
        hung = list(read)
        await asyncio.to_thread(scraping.join)
        text, _ = await midrank.scrape()

    assert len(hung) == 1
    assert b"process_cpu_time" in hung[0][0]
    assert b"midrank_model_ready" not in hung[0][0]
    assert b"midrank_model_ready" in text, "it turns again, and is asked again"


class Held:
    """A collector that takes until it is told to go on, and notes whether another one is at it."""

    def __init__(self):
        self.begun, self.go_on, self.beside = threading.Event(), threading.Event(), []

    def describe(self):
        return []

    def collect(self):
        self.beside.append(self.begun.is_set())
        self.begun.set()
        self.go_on.wait()
        self.begun.clear()
        return []


async def test_whoever_scrapes_may_go_away_and_the_next_one_waits_for_his_thread():
    text, held = PrometheusText(), Held()
    text._registry.register(held)
    first = asyncio.create_task(text.scrape(""))
    await asyncio.to_thread(held.begun.wait)
    first.cancel()
    second = asyncio.create_task(text.scrape(""))
    await asyncio.sleep(0.05)
    held.go_on.set()
    await asyncio.wait([first, second])

    assert first.cancelled()
    assert held.beside == [False, False]

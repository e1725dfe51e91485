"""`midrank evidence`: what is known of harm, for people and for programs, and how it is forgotten."""

from __future__ import annotations

import orjson
import pytest

from proxy.cli import main
from tests.fakes import operated
from tests.fakes.served import served
from tests.fakes.servers import nobody_listening

KNOWN = {
    "harm": {
        "collections": [
            {
                "store": "chroma",
                "collection": "docs [old]",
                "state": "harmful",
                "answers": "store",
                "verdict": "Reranking does harm here.",
            },
            {
                "store": "qdrant",
                "collection": "wiki",
                "state": "open",
                "answers": "reranked",
                "verdict": "Open.",
            },
        ]
    },
    "shadow": {"chroma/new": {"searches": 1234, "compared": 1000, "overlap": 0.75, "added_p99": 0.1}},
    "experiments": {
        "posts": 3,
        "collections": {
            "chroma/faq": {
                "interleave": {"verdict": "No preference proven."},
                "plain": {"note": "Where people click."},
            }
        },
    },
    "records": {"searches": 7},
}


class Guard:
    def __init__(self, known=KNOWN):
        self.resets = []
        self.known = known

    async def evidence(self):
        return self.known

    def reset(self, store, collection):
        self.resets.append((store, collection))
        return collection == "docs & more"


class Admin(operated.Admin):
    def __init__(self, guard):
        super().__init__(operated.Operated(proof=guard))

    async def __aenter__(self):
        return f"127.0.0.1:{await super().__aenter__()}"


def show(capsys, known):
    with served(lambda: Admin(Guard(known))) as place:
        assert main(["evidence", "show", "--admin", place]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_harm_is_a_table_for_people(capsys):
    told = show(capsys, KNOWN)

    assert "chroma/docs [old] harmful store Reranking does" in told
    assert "qdrant/wiki open reranked Open." in told


def test_so_are_experiments_and_shadow(capsys):
    told = show(capsys, KNOWN)

    assert "chroma/faq interleave No preference proven." in told
    assert "chroma/faq plain Where people click." in told
    assert "chroma/new 1,234 0.750 0.100" in told


@pytest.mark.parametrize("known", [{}, {"harm": {"collections": []}}, {"harm": 3, "shadow": {"a": 1}}])
def test_that_nothing_is_known_yet_is_said(capsys, known):
    assert show(capsys, known) == "nothing is known yet"


def test_it_is_json_for_programs(capsys):
    with served(lambda: Admin(Guard())) as place:
        assert main(["evidence", "show", "--json", "--admin", place]) == 0

    assert orjson.loads(capsys.readouterr().out) == KNOWN


def test_a_collection_is_reset_whatever_its_name(capsys):
    guard = Guard()
    names = ["--store", "chroma", "--collection", "docs & more"]
    with served(lambda: Admin(guard)) as place:
        assert main(["evidence", "reset", *names, "--admin", place]) == 0

    assert guard.resets == [("chroma", "docs & more")]
    assert capsys.readouterr().out == "reset\n"


def test_that_nothing_was_known_is_said(capsys):
    with served(lambda: Admin(Guard())) as place:
        assert main(["evidence", "reset", "--store", "a", "--collection", "b", "--admin", place]) == 1

    assert f"midrank: {place}: no harm guard knows such a collection" in capsys.readouterr().err


def test_it_has_to_be_said_which_one(capsys):
    assert main(["evidence", "reset", "--collection", "b", "--admin", "127.0.0.1:1"]) == 2

    assert "--store: missing - a name" in capsys.readouterr().err


def test_a_midrank_that_nobody_watches_says_so(capsys):
    with served(lambda: Admin(None)) as place:
        assert main(["evidence", "show", "--admin", place]) == 1

    assert "nobody watches" in capsys.readouterr().err


def test_a_process_that_is_not_there_is_said_to_be(capsys):
    with nobody_listening() as gone:
        assert main(["evidence", "show", "--admin", f"127.0.0.1:{gone.port}"]) == 1

    assert "is midrank running" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["show"], ["forget", "--admin", "127.0.0.1:1"]])
def test_the_action_and_one_place_are_needed(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["evidence", *arguments])

    assert exit_.value.code == 2

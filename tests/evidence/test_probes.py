"""Probes: which files are taken, what is said about the others, and which searches are recognised."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import BadConfig
from proxy.evidence.probes import MAX_LINE, MAX_PROBES, Probe, Probes, read_probes


def lines(tmp_path, *entries):
    path = tmp_path / "probes.jsonl"
    path.write_bytes(b"\n".join(one if isinstance(one, bytes) else orjson.dumps(one) for one in entries))
    return path


def wrong(path):
    with pytest.raises(BadConfig) as raised:
        read_probes(path)
    return [str(mistake) for mistake in raised.value.mistakes]


def test_a_query_is_recognised_in_any_spelling_of_its_spaces(tmp_path):
    path = lines(tmp_path, {"id": "1", "query": "how do  I\tstart", "relevant": {"d1": 1}}, b"")

    found = read_probes(path)

    assert len(found) == 1
    assert " how do I start\n" in found
    assert found.relevant("how do I start", "any") == {"d1": 1.0}
    assert "how do you start" not in found
    assert found.relevant("how do you start", "any") is None


def test_composed_and_decomposed_characters_are_the_same():
    found = Probes([Probe("caf\u00e9", None, {"d1": 1.0})])

    assert "cafe\u0301" in found


def test_one_of_a_collection_goes_before_one_for_all(tmp_path):
    path = lines(
        tmp_path,
        {"query": "q", "relevant": {"d1": 1}},
        {"query": "q", "collection": "docs", "relevant": {"d2": 2, "d3": 0}},
        {"query": "only there", "collection": "docs", "relevant": {"d4": 1}},
    )

    found = read_probes(path)

    assert found.relevant("q", "docs") == {"d2": 2.0}
    assert found.relevant("q", "other") == {"d1": 1.0}
    assert found.relevant("only there", "other") is None


def test_without_probes_nothing_is_recognised():
    assert "q" not in Probes()
    assert Probes().relevant("q", "docs") is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "(line): not JSON"),
        (b"[]", "(line): not an object"),
        ({"relevant": {"d": 1}}, "query: no text"),
        ({"query": " ", "relevant": {"d": 1}}, "query: no text"),
        ({"query": "q"}, "relevant: no object"),
        ({"query": "q", "relevant": ["d"]}, "relevant: no object"),
        ({"query": "q", "relevant": {}}, "relevant: nothing relevant"),
        ({"query": "q", "relevant": {"d": 0}}, "relevant: nothing relevant"),
        ({"query": "q", "relevant": {"d": -1}}, "relevant: a grade that is none"),
        ({"query": "q", "relevant": {"d": True}}, "relevant: a grade that is none"),
        ({"query": "q", "relevant": {"d": 1}, "collection": 3}, "collection: not a name"),
        ({"query": "good ", "relevant": {"d": 1}}, "query: the same as before"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, told):
    path = lines(tmp_path, {"query": "good", "relevant": {"d": 1}}, line)

    assert [one.partition(" - ")[0] for one in wrong(path)] == [f"{path}:2: {told}"]


def test_all_mistakes_are_told_at_once_but_not_too_many(tmp_path):
    assert len(wrong(lines(tmp_path, *[b"{"] * 7))) == 7
    assert len(wrong(lines(tmp_path, *[b"{"] * 700))) == 20


def test_mistakes_quote_no_content(tmp_path):
    told = wrong(lines(tmp_path, {"query": "a secret", "relevant": "another"}, b"a third"))

    assert not any("secret" in one or "another" in one or "third" in one for one in told)


def test_there_are_bounds(tmp_path):
    path = tmp_path / "probes.jsonl"
    many = (orjson.dumps({"query": str(n), "relevant": {"d": 1}}) for n in range(MAX_PROBES + 1))
    path.write_bytes(b"\n".join(many))
    assert wrong(path) == [f"{path}:{MAX_PROBES + 1}: (line): one too many - {MAX_PROBES} probes at most"]

    path.write_bytes(b" " * (MAX_LINE + 1) + b"\n{")
    assert wrong(path) == [f"{path}:1: (line): above {MAX_LINE} bytes - a shorter one"]


def test_no_file_and_no_lines_are_mistakes(tmp_path):
    assert "No such file" in wrong(tmp_path / "missing.jsonl")[0]
    assert "a line for every probe" in wrong(lines(tmp_path, b"", b" "))[0]

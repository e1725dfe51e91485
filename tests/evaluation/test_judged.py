"""Judged questions are read as they are written, and every mistake is named with its place."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import BadConfig
from proxy.evaluation.judged import read, read_beir, read_judged
from proxy.offline.queries import Document

LINE = {"id": "q1", "query": "why?", "relevant": {"a": 2, "b": 0}}


@pytest.fixture
def folder(tmp_path):
    """Give a small collection in BEIR's layout."""
    put(
        tmp_path / "corpus.jsonl",
        {"_id": "a", "title": "Ants", "text": "dig."},
        {"_id": "b", "title": "", "text": "Bees fly."},
        {"_id": "c", "text": "Cats sit."},
    )
    put(
        tmp_path / "queries.jsonl",
        {"_id": "1", "text": "who digs?"},
        {"_id": "2", "text": "who barks?"},
        {"_id": "3", "text": "of another split"},
    )
    (tmp_path / "qrels").mkdir()
    rows = ["query-id\tcorpus-id\tscore", "1\ta\t2", "1\tb\t0", "2\tb\t0", ""]
    (tmp_path / "qrels" / "test.tsv").write_text("\n".join(rows))
    return tmp_path


def put(file, *lines):
    file.write_bytes(b"\n".join(one if isinstance(one, bytes) else orjson.dumps(one) for one in lines))
    return file


def mistakes(path, **how):
    with pytest.raises(BadConfig) as error:
        read(path, **how)
    return [str(mistake) for mistake in error.value.mistakes]


def test_a_folder_is_read_as_beir_reads_it(folder):
    judged = read_beir(folder)

    assert judged.name == folder.name
    assert judged.documents == {"a": "Ants dig.", "b": "Bees fly.", "c": "Cats sit."}
    assert [(one.id, one.text, one.relevant) for one in judged.queries] == [("1", "who digs?", {"a": 2.0})]


def test_queries_without_a_relevant_document_or_a_text_are_counted_apart(folder):
    with (folder / "qrels" / "test.tsv").open("a") as file:
        file.write("7\ta\t1\n8\ta\t0\n")
    judged = read_beir(folder)

    assert (len(judged.queries), judged.unjudged, judged.textless) == (1, 1, 2)


def test_a_judged_document_may_be_missing_from_the_corpus(folder):
    """It can't be found, but it counts, as in trec_eval."""
    (folder / "qrels" / "test.tsv").write_text("1\ta\t1\n1\tgone\t1\n")

    assert read_beir(folder).queries[0].relevant == {"a": 1.0, "gone": 1.0}


def test_another_split_is_another_file(folder):
    assert mistakes(folder, split="dev") == [
        f"{folder}/qrels/dev.tsv: (file): No such file or directory - a readable file"
    ]


def test_a_line_is_read_with_all_that_it_may_have(tmp_path):
    file = put(
        tmp_path / "mine.jsonl",
        LINE | {"vector": [0.5, 1], "documents": [{"id": "a", "text": "Ants", "score": 0.5}]},
        b"",
        LINE | {"id": 2, "documents": [{"id": 7, "text": "Seven"}]},
    )

    judged = read_judged(file)

    assert judged.name == "mine"
    assert judged.documents == {"a": "Ants", "7": "Seven"}
    assert judged.queries[0].vector == (0.5, 1)
    assert judged.queries[0].documents == (Document("a", "Ants", 0.5),)
    assert [one.id for one in judged.queries] == ["q1", "2"]
    assert judged.queries[0].relevant == {"a": 2.0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"relevant": None}, "relevant: missing - an object with a grade for every document id"),
        ({"relevant": {"a": 0.5}}, "relevant: a number - whole numbers up to 1,000, above 0 for"),
        ({"relevant": {"a": 1001}}, "relevant: a number - whole numbers up to 1,000"),
        ({"relevant": {"a": 1e300}}, "relevant: a number - whole numbers up to 1,000"),
        ({"relevant": {"a": True}}, "relevant: a boolean - whole numbers"),
        ({"query": 3}, "query: a number - a string"),
        ({"id": None}, "id: missing - a string or a whole number"),
        ({"id": True}, "id: a boolean - a string or a whole number"),
        ({"vector": []}, "vector: a list - a list of numbers"),
        ({"vector": [1, "2"]}, "vector: a list - a list of numbers"),
        ({"documents": {}}, "documents: an object - a list"),
        ({"documents": ["text"]}, "documents[0]: a string - an object with id and text"),
        ({"documents": [{"id": "a", "text": "x", "score": "1"}]}, "documents[0].score: a string - a number"),
        ({"documents": [{"id": "a"}]}, "documents[0].text: missing - a string"),
    ],
)
def test_a_wrong_line_is_named_with_its_place(tmp_path, change, words):
    file = put(tmp_path / "mine.jsonl", LINE, b"", LINE | {"id": "q2"} | change)

    (mistake,) = mistakes(file)
    assert mistake.startswith(f"{file}:3: {words}")


def test_all_wrong_lines_are_named_and_none_is_quoted(tmp_path):
    file = put(tmp_path / "mine.jsonl", b"{secret", b"[]", LINE)

    assert mistakes(file) == [
        f"{file}:1: (line): not JSON - an object, in UTF-8",
        f"{file}:2: (line): a list - an object",
    ]


def test_an_id_may_not_come_twice(tmp_path):
    file = put(tmp_path / "mine.jsonl", LINE, LINE | {"id": "q2"}, LINE)

    assert mistakes(file) == [f"{file}:3: id: twice - an id of its own for every query"]


def test_a_document_may_come_twice_but_not_with_two_texts(tmp_path):
    file = tmp_path / "mine.jsonl"
    one, same, other = ({"id": "a", "text": text} for text in ("Ants", "Ants", "Bees"))
    put(file, LINE | {"documents": [one]}, LINE | {"id": "q2", "documents": [same]})
    assert read_judged(file).documents == {"a": "Ants"}

    put(file, LINE | {"documents": [one]}, LINE | {"id": "q2", "documents": [same, other]})
    assert mistakes(file) == [f"{file}:2: documents[1].id: twice - an id of its own for every text"]


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_an_id_of_a_folder_may_come_twice_but_not_with_two_texts(folder, name):
    first = (folder / name).read_bytes().splitlines()[0]
    put(folder / name, *(folder / name).read_bytes().splitlines(), first)
    assert read_beir(folder).queries

    put(folder / name, *(folder / name).read_bytes().splitlines(), orjson.loads(first) | {"text": "other"})
    assert mistakes(folder) == [f"{folder}/{name}:5: _id: twice - an id of its own for every text"]


def test_a_file_may_begin_with_a_byte_order_mark(folder, tmp_path):
    mark = b"\xef\xbb\xbf"
    file = put(tmp_path / "mine.jsonl", mark + orjson.dumps(LINE))
    for name in ("corpus.jsonl", "queries.jsonl"):
        (folder / name).write_bytes(mark + (folder / name).read_bytes())
    (folder / "qrels" / "test.tsv").write_bytes(mark + b"1\ta\t1\n")

    assert read_judged(file).queries[0].id == "q1"
    assert read_beir(folder).queries[0].relevant == {"a": 1.0}


def test_nothing_judged_is_a_mistake(tmp_path):
    assert "nothing judged" in mistakes(put(tmp_path / "mine.jsonl", LINE | {"relevant": {"a": 0}}))[0]


def test_a_wrong_row_of_judgments_is_named(folder):
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1 a 1\n1\ta\tgood\n1\ta\t1\n")

    wanted = "query id, document id and a whole number, with tabs between them"
    assert mistakes(folder) == [
        f"{folder}/qrels/test.tsv:2: (line): 1 columns - {wanted}",
        f"{folder}/qrels/test.tsv:3: (line): 3 columns - {wanted}",
    ]


def test_rows_of_judgments_may_have_no_headings(folder):
    (folder / "qrels" / "test.tsv").write_text("1\tb\t1\n")

    assert read_beir(folder).queries[0].relevant == {"b": 1.0}


@pytest.mark.parametrize("rows", ["1\t0\t7\t1\n2\t0\t9\t0\n", "1 0 7 1\n2 0 9 0\n"])
def test_the_four_columns_of_trec_are_not_misread(folder, rows):
    """By numeric ids alone they look like three columns and something behind."""
    (folder / "qrels" / "test.tsv").write_text(rows)

    told = mistakes(folder)
    assert [one.split(": ")[0] for one in told] == [f"{folder}/qrels/test.tsv:{line}" for line in (1, 2)]
    assert all(one.endswith("between them, without the second of TREC's four columns") for one in told)


def test_two_grades_for_the_same_are_a_mistake(folder):
    (folder / "qrels" / "test.tsv").write_text("1\ta\t1\n1\ta\t1\n1\ta\t2\n")

    wanted = "one grade for a query and a document"
    assert mistakes(folder) == [f"{folder}/qrels/test.tsv:3: (line): judged twice - {wanted}"]


@pytest.mark.parametrize("grade", ["1001", "9" * 400])
def test_a_grade_that_nobody_gives_is_a_mistake(folder, grade):
    """trec_eval's own numbers end somewhere, which would show after all was asked."""
    (folder / "qrels" / "test.tsv").write_text(f"1\ta\t{grade}\n")

    assert "score: a number - whole numbers up to 1,000" in mistakes(folder)[0]

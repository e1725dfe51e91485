"""The corpus is this interpreter's own documentation, complete enough to hold the questions' answers."""

import pytest

from proxy.demo.corpus import PASSAGE_WORDS, Document, cut, digest, document_of, read_corpus
from proxy.demo.questions import read_questions


@pytest.fixture(scope="module")
def passages():
    return read_corpus()


@pytest.fixture(scope="module")
def texts(passages):
    return {passage.id: passage.text for passage in passages}


def test_there_are_thousands_of_passages_with_distinct_ids(passages, texts):
    assert len(passages) == len(texts) > 3000


def test_the_corpus_is_the_same_every_time(passages):
    again = read_corpus()
    assert again == passages
    assert digest(again) == digest(passages)


def test_every_passage_names_itself_and_says_something(passages):
    for passage in passages:
        first, _, rest = passage.text.partition("\n")
        assert first.startswith(passage.document)
        assert rest.strip()


def test_passages_have_no_private_names_and_no_memory_addresses(passages):
    for passage in passages:
        assert not any(part.startswith("_") for part in passage.document.split("."))
        assert " at 0x" not in passage.text.partition("\n")[0]


def test_nine_in_ten_answers_of_the_questions_are_in_the_corpus(passages):
    """Names come and go between Python versions; those that are missing here are ignored by the demo."""
    documents = {passage.document for passage in passages}
    judged = {name for question in read_questions() for name in question.relevant}
    missing = sorted(judged - documents)
    assert len(missing) <= len(judged) / 10, missing


@pytest.mark.parametrize(
    "name",
    [
        "asyncio.gather",  # re-exported by a package
        "concurrent.futures.ProcessPoolExecutor",  # re-exported lazily, documented in its constructor
        "os.path.join",  # defined in posixpath or ntpath
        "os.walk",
        "shutil.copytree",
        "math.comb",  # written in C
        "itertools.groupby",
        "builtins.str.split",
        "socket.socket.connect",  # inherited from a class in C
        "re.Pattern.sub",
    ],
)
def test_names_are_those_that_users_write(texts, name):
    assert texts[name].startswith(name)


def test_signatures_are_those_that_callers_see(texts):
    assert texts["shutil.disk_usage"].startswith("shutil.disk_usage(path)\n")
    assert texts["random.Random.sample"].startswith("random.Random.sample(population, k, *, counts=None)\n")
    assert texts["pathlib.PurePath.parent"].startswith("pathlib.PurePath.parent\n")


def test_a_long_document_is_cut_at_line_ends_and_loses_nothing():
    lines = [f"line {number} has some more words in it" for number in range(100)]
    document = Document("some.name", "(a, b)", "\n".join(lines))
    pieces = list(cut(document))
    assert [piece.id for piece in pieces[:3]] == ["some.name", "some.name#2", "some.name#3"]
    assert {piece.document for piece in pieces} == {"some.name"}
    assert [line for piece in pieces for line in piece.text.splitlines()[1:]] == lines
    assert all(len(piece.text.split()) <= PASSAGE_WORDS + 5 for piece in pieces)


def test_a_short_document_is_one_passage():
    [piece] = cut(Document("a.b", "(c)", "Does d."))
    assert (piece.id, piece.text) == ("a.b", "a.b(c)\nDoes d.")


def test_a_passage_knows_its_document():
    assert [document_of(name) for name in ("a.b", "a.b#2")] == ["a.b", "a.b"]

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadConfig
from proxy.injection.manifest_writing import as_json, joined, written
from proxy.injection.manifest_yaml import Document, Word, read_documents

# Each is a number, a truth, null or a date to some parser of YAML, and a text to another.
DOUBTFUL = [
    *(
        "0644",
        "0o17",
        "1e3",
        "1E-3",
        "12:30",
        "12:30:45",
        "2026-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "yes",
    ),
    *("No", "on", "OFF", "y", "N", "True", "NULL", "Null", ".inf"),
    *("-.INF", ".nan", "0x1F", "0b11", "1_000", "+1", "1.", ".5", "1.10"),
    *("99999999999999999999", "-0", "00", "08", "=", "0.1.0"),
]
TEXTS = [
    *("midrank", "a/b.c-d_e@f", "x: y", "a #b", "- a", "", " a", "a ", "'", '"', "\\", "*a", "&a", "!a", "|"),
    *(">", "%a", "@a", "`a", "{a}", "[a]", "a\nb", "a\n", "\n", "a\n\n b\n", "\ttab", "\u00e9", "\u65e5"),
    *("\U0001f600", "a\u2028b", "\x07", "\x85", "null", "true", "~", "1", "-1", "1.5", "<<"),
]


def read(text):
    """Return the data of the one document in a text."""
    (document,) = read_documents(text, "manifest.yaml")
    return document.data


def again(data):
    return written(Document(data, "", {}), data)


def typed(data):
    """Return data whose equality tells words from texts."""
    if isinstance(data, dict):
        return {key: typed(value) for key, value in data.items()}
    if isinstance(data, list):
        return [typed(value) for value in data]
    return (type(data).__name__, data)


@pytest.mark.parametrize("word", DOUBTFUL)
def test_a_doubtful_word_stays_as_it_was_written(word):
    assert again(read(f"a: {word}\n")) == f"a: {word}\n"
    assert again(read(f"a: '{word}'\n")) == f'a: "{word}"\n'


@pytest.mark.parametrize("text", [*DOUBTFUL, *TEXTS])
def test_a_text_is_the_same_text_to_other_parsers(text):
    out = again({"a": text, "b": [text]})

    assert yaml.safe_load(out) == {"a": text, "b": [text]}
    assert typed(read(out)) == typed({"a": text, "b": [text]})


def test_a_text_is_a_text_to_kubectl(tmp_path):
    """It refuses annotations that it does not read as texts."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    # It writes what can't be printed as binary, and reads that no more.
    texts = [text for text in (*DOUBTFUL, *TEXTS) if text.replace("\n", "").isprintable()]
    annotations = {f"a{number}": text for number, text in enumerate(texts)}
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "annotations": annotations},
    }
    (tmp_path / "manifest.yaml").write_text(again(manifest))
    (tmp_path / "kustomization.yaml").write_text("resources: [manifest.yaml]\n")

    command = ["kubectl", "kustomize", tmp_path]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert read(told.stdout)["metadata"]["annotations"] == annotations


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(max_size=8)
    | st.sampled_from([*TEXTS, *DOUBTFUL])
    | st.sampled_from([Word(one) for one in DOUBTFUL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(TREES.filter(lambda tree: isinstance(tree, dict | list)))
def test_what_is_written_is_read_again(tree):
    assert typed(read(again(tree))) == typed(tree)


def test_documents_keep_their_text_and_comments():
    text = "# head\n\na: 1   # one\n---\n# é\nb:   {c: d}\n...\n---\n\n--- # last\ne: |\n  ---x\n"
    documents = read_documents("\ufeff" + text, "manifest.yaml")

    assert "".join(one.text for one in documents) == text
    assert [one.data for one in documents] == [{"a": 1}, {"b": {"c": "d"}}, None, {"e": "---x\n"}]


def test_a_document_that_changes_keeps_the_comments_above_it():
    (document,) = read_documents("# licence\n\n# use\na: 1 # gone\n", "manifest.yaml")

    assert written(document, {"a": 2}) == "# licence\n\n# use\na: 2\n"


def test_documents_are_parted():
    assert joined(["a: 1\n", "b: 1\n", "---\nc: 1\n"]) == "a: 1\n---\nb: 1\n---\nc: 1\n"


def test_aliases_and_merges_are_written_out():
    assert read("a: &x {b: 1}\nc: {<<: *x, d: *x}\n") == {"a": {"b": 1}, "c": {"b": 1, "d": {"b": 1}}}
    same = {"b": 1}
    assert "&" not in again({"a": same, "c": same})


def test_an_alias_is_a_copy():
    data = read("a: &x {b: [1]}\nc: *x\nd: {<<: *x, e: 1}\n")
    data["a"]["b"].append(2)

    assert data == {"a": {"b": [1, 2]}, "c": {"b": [1]}, "d": {"b": [1], "e": 1}}


def test_lines_end_as_they_do_in_the_document_that_changes():
    changed, other = read_documents("# head\r\n---\r\na: 1\r\n--- {b: 1}\r\n", "manifest.yaml")
    text = {"a": "one\ntwo\n"}

    assert written(changed, text) == "# head\r\n---\r\na: |\r\n  one\r\n  two\r\n"
    assert yaml.safe_load(written(changed, text)) == text
    assert joined([changed.text, written(other, {"b": 2})]).endswith("\r\n---\r\nb: 2\r\n")


def test_lines_are_told_by_key():
    (document,) = read_documents("a:\n  - b: 1\n    c: 2\n", "manifest.yaml")

    assert document.lines[("a", 0, "c")] == 3


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n" for name in "bcdefgh"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "manifest.yaml:2: (yaml): did not find expected node content - valid YAML"),
        ("a: 1\nb: 2\na: 3", "manifest.yaml:1: a: given twice - each key once"),
        ("- x: {y: 1, y: 2}", "manifest.yaml:1: 0.x.y: given twice - each key once"),
        ("a: !!python/object/apply:os.system [x]", "manifest.yaml:1: (yaml): an unknown tag - valid YAML"),
        ("a: !!binary aGk=", "manifest.yaml:1: (yaml): an unknown tag - valid YAML"),
        ("a: !x b", "manifest.yaml:1: (yaml): an unknown tag - valid YAML"),
        ("a: &a [*a]", "manifest.yaml:1: (yaml): too much - at most 1000000 values, 100 deep"),
        ("? [a, b]\n: 1", "manifest.yaml:1: (yaml): a key that is no word - keys of one word"),
        ("%YAML 1.2\n---\na: 1", "manifest.yaml: (yaml): a directive - documents without directives"),
        (
            "a: " + "[" * 101 + "]" * 101,
            "manifest.yaml:1: (yaml): too much - at most 1000000 values, 100 deep",
        ),
        (LAUGHS, "(yaml): too much - at most 1000000 values, 100 deep"),
        ("[" * 100_000, "(yaml)"),
        ("a: \x00", "(yaml)"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_manifest_is_told(text, expected):
    with pytest.raises(BadConfig) as error:
        read(text)
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_nothing_stays_nothing(text):
    (document,) = read_documents(text, "manifest.yaml")

    assert (document.data, document.text) == (None, text)


def test_json_has_numbers_for_what_all_take_for_numbers():
    data = read(
        "a: 0644\nb: 1e3\nc: 1.5\nd: 99999999999999999999\ne: 12:30\nf: 10.0.0.1\ng: 'yes'\nh: [2026-01-01]\n"
    )

    assert json.loads(json.dumps(as_json(data, "manifest.yaml"))) == {
        "a": 420, "b": 1000.0, "c": 1.5, "d": 99999999999999999999, "e": "12:30", "f": "10.0.0.1", "g": "yes",
        "h": ["2026-01-01"],
    }  # fmt: skip


@pytest.mark.parametrize("word", ["yes", "Off", "0x1F", "1_000", ".inf"])
def test_a_word_that_parsers_quarrel_about_has_no_place_in_json(word):
    with pytest.raises(BadConfig, match="quotation marks around it"):
        as_json(read(f"a: {word}"), "manifest.yaml")

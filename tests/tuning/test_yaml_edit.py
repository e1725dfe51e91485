"""Changes to a YAML text: the values that were meant, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.tuning.yaml_edit import put

TEXT = """\
# at the top
models:
  big: {kind: cross, max_tokens: 512}  # behind
  small:
    kind: late   # its kind
    # between
    list:
      - a
      - b  # last
    # after

rules:
- rerank: [big]
  budget_ms: ${BUDGET:-100}  # time
- mode: off
"""


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("models", "big", "max_tokens"), 128, "  big: {kind: cross, max_tokens: 128}  # behind"),
        (
            ("models", "big", "min_tokens"),
            64,
            "  big: {min_tokens: 64, kind: cross, max_tokens: 512}  # behind",
        ),
        (("models", "small", "kind"), "on", "    kind: 'on'   # its kind"),
        (("models", "small", "list"), ["c"], "    list: [c]  # last"),
        (("models", "small", "more"), {"a": [1]}, "    more: {a: [1]}"),
        (("rules", 0, "budget_ms"), 50, "  budget_ms: 50  # time"),
        (("rules", 0, "candidates", "max"), 20, "- candidates: {max: 20}"),
        (("rules", 1, "rerank"), ["a b", "c: d"], "- rerank: [a b, 'c: d']"),
        (("a: b",), 1, "'a: b': 1"),
    ],
)
def test_one_value_is_put_in_and_comments_stay(path, value, line):
    text = put(TEXT, path, value)
    expected = yaml.safe_load(TEXT)
    target = expected
    for step in path[:-1]:
        target = target.setdefault(step, {}) if isinstance(target, dict) else target[step]
    target[path[-1]] = value

    assert yaml.safe_load(text) == expected
    assert line in text.splitlines()
    assert text.count("#") == TEXT.count("#")


def test_a_key_without_a_value_gets_one():
    assert put("rule:\n  candidates:\nx: 1\n", ("rule", "candidates", "max"), 5) == (
        "rule:\n  candidates: {max: 5}\nx: 1\n"
    )


def test_json_is_yaml():
    assert yaml.safe_load(put('{"rules": [{"a": 1}], "b": {}}', ("b", "c"), 2)) == {
        "rules": [{"a": 1}],
        "b": {"c": 2},
    }


@pytest.mark.parametrize(
    "path", [("rules", 7, "a"), ("models", 0), ("rules", "a"), ("rules", 0), ("models", "small", "kind", "x")]
)
def test_a_path_that_leads_nowhere_is_told(path):
    with pytest.raises(ValueError, match=r"no such place|no mapping|ends with a key"):
        put(TEXT, path, 1)


keys = st.text("abc", min_size=1, max_size=2)
trees = st.recursive(
    st.one_of(st.integers(-5, 5), st.text(max_size=4), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)


@given(
    st.dictionaries(keys, trees, min_size=1, max_size=4),
    st.lists(keys, min_size=1, max_size=3),
    st.booleans(),
)
def test_whatever_the_text_the_value_is_read_back(tree, path, flow):
    """A path through mappings, or through what is not there yet; in a text of blocks, or in one line."""
    text = yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False)
    expected = target = yaml.safe_load(text)
    for step in path[:-1]:
        if target.get(step) is None:
            target[step] = {}
        target = target[step]
        if not isinstance(target, dict):
            with pytest.raises(ValueError, match="no mapping"):
                put(text, tuple(path), 7)
            return
    target[path[-1]] = 7

    assert yaml.safe_load(put(text, tuple(path), 7)) == expected

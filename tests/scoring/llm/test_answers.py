"""What counts as an answer: an order that is a permutation, a grade that is on its scale. Nothing else."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.llm.answers import LABELS, Grade, Order


@pytest.mark.parametrize(
    "text",
    [
        '{"ranking": [2, 3, 1]}',
        '  {"ranking":[2,3,1],"why":"because"} ',
        "[2, 3, 1]",
        '```json\n{"ranking": [2, 3, 1]}\n```',
        'Here you are:\n{"ranking": [2, 3, 1]}\nI hope this helps.',
        '<think>Or is {"ranking": [1, 2, 3]} better?</think>{"ranking": [2, 3, 1]}',
        "[2] > [3] > [1]",
        "[2]>[3]>[1].",
    ],
)
def test_an_order_is_read_out_of_whatever_is_around_it(text):
    assert Order(3).read(text) == (1, 2, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I can't rank these.",
        '{"ranking": [2, 3]}',
        '{"ranking": [2, 3, 1, 1]}',
        '{"ranking": [2, 3, 3]}',
        '{"ranking": [0, 1, 2]}',
        '{"ranking": [2, 3, 4]}',
        '{"ranking": [2, 3, -1]}',
        '{"ranking": ["2", "3", "1"]}',
        '{"ranking": [2.0, 3, 1]}',
        '{"ranking": [2, 3, true]}',
        '{"ranking": "2, 3, 1"}',
        '{"ranking": {"1": 2}}',
        '{"order": [2, 3, 1]}',
        '{"ranking": [2, 3, 1',
        '{"ranking": [2, 3, 1]} or {"ranking": [1, 2, 3]}',
        "[2] > [3]",
        "[2] > [3] > [1] > [4]",
        "Document [2] is best, then [3] > [1]",
        "2, 3, 1",
    ],
)
def test_what_is_no_permutation_is_no_order(text):
    assert Order(3).read(text) is None


@given(st.permutations(range(1, 9)))
def test_every_permutation_is_an_order(numbers):
    read = Order(8).read(orjson.dumps({"ranking": numbers}).decode())

    assert read == tuple(number - 1 for number in numbers)


@given(st.text(), st.integers(1, 5))
def test_whatever_is_said_an_order_is_a_permutation_or_none(text, count):
    for said in (text, f'{{"ranking": {text}}}', f"[{text}]"):
        read = Order(count).read(said)
        assert read is None or sorted(read) == list(range(count))


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ('{"grade": 7}', 0.7),
        ("7", 0.7),
        ('{"grade": 0}', 0.0),
        ("```\n10\n```", None),
        ('x {"grade": 10}', 1.0),
    ],
)
def test_points_become_a_grade_between_0_and_1(text, grade):
    assert Grade("points").read(text) == grade


@pytest.mark.parametrize(
    "text", ["", "11", "-1", "true", '"7"', "NaN", "1e999", "7/10", '{"grade": null}', "seven"]
)
def test_what_is_off_the_scale_is_no_grade(text):
    assert Grade("points").read(text) is None


@pytest.mark.parametrize(
    ("text", "label"),
    [('{"grade": "yes"}', "yes"), ("Partly.", "partly"), (' "mostly" ', "mostly"), ('{"grade": "No"}', "no")],
)
def test_labels_become_a_grade(text, label):
    assert Grade("labels").read(text) == LABELS[label]


@pytest.mark.parametrize("text", ["", "yes and no", '{"grade": 1}', "1", '{"grade": "certainly"}'])
def test_what_is_no_label_is_no_grade(text):
    assert Grade("labels").read(text) is None


@pytest.mark.parametrize("form", [Order(3), Grade("points"), Grade("labels")])
def test_schemas_hold_only_what_every_api_knows(form):
    """Anthropic refuses bounds and lengths; OpenAI wants every property required and no others."""
    assert form.schema["additionalProperties"] is False
    assert form.schema["required"] == list(form.schema["properties"]) == [form.name]
    assert not {b"minimum", b"maximum", b"minItems", b"maxItems"} & set(orjson.dumps(form.schema).split(b'"'))

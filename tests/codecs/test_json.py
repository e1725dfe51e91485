from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.codecs import _json
from proxy.codecs._json import Edit, Span
from proxy.codecs._json_scan import MAX_DEPTH, pieces
from proxy.errors import Undecodable
from tests.codecs.searches import Dice
from tests.fakes.json_text import write

documents = st.builds(
    lambda seed: (dice := Dice(seed)) and (dice.value(("a", "b"), depth=5), dice.style()),
    st.integers(0, 2**32),
)


@given(document=documents, margin=st.sampled_from([b"", b" ", b"\r\n\t"]))
def test_a_container_is_looked_into_as_the_parser_does(document, margin) -> None:
    tree, style = document
    body = margin + write(tree, style) + margin
    span = _json.whole(body)

    assert body[slice(*span)] == body.strip()
    if isinstance(tree, dict):
        found = _json.members(body, span)
        assert json.loads(body) == {key: json.loads(body[slice(*at)]) for key, at in found.items()}
        fields = list(_json.fields(body))
        assert json.loads(body) == {field.key: json.loads(field.value) for field in fields}
        assert body == _json.framed(body, (field.holding(field.value) for field in fields))
    if isinstance(tree, list):
        assert json.loads(body) == [json.loads(body[slice(*at)]) for at in _json.elements(body, span)]
        found = _json.rows(body, span)
        twice = b"[" + body + b" , " + body + b"]"
        assert span == found.span
        assert json.loads(body) == [json.loads(piece) for piece in found.pieces]
        assert body == _json.framed(body, found.pieces) or not found.pieces
        assert [found.pieces] * 2 == [each.pieces for each in _json.rows_of_each(twice, _json.whole(twice))]
        nested = b'{"a": 1, "b" :{"d":"}","c":' + body + b' } ,"e":[]}'
        assert found.pieces == _json.rows(nested, _json.whole(nested), "b", "c").pieces


@pytest.mark.parametrize(
    "body",
    [
        b"[1, [2, 3], [[4], []], 5, null]",
        b"[[1], 2]",
        b"[ [1 , 2] , [3]\n]",
        b"[[], [ ], []]",
        b"[[{}, 1], {}, [ {}]]",
        b'[[1, "]"], {"a": [1]}, "\\\\", "\\"]", "\\\\\\"["]',
        b"[ ]",
    ],
)
def test_arrays_of_vectors_and_strings_with_brackets_are_cut_right(body) -> None:
    assert json.loads(body) == [json.loads(piece) for piece in _json.rows(body, _json.whole(body)).pieces]
    spans = _json.elements(body, _json.whole(body))
    assert json.loads(body) == [json.loads(body[slice(*at)]) for at in spans]


@pytest.mark.parametrize("deep", [b"[%s]", b'{"k": %s}', b'[1, %s, "x"]', b'{"j": %s ,"k": 1}'])
def test_what_is_nested_too_deeply_is_refused_never_cut_wrongly(deep) -> None:
    body = b'"]"'
    for depth in range(1, 3 * MAX_DEPTH):
        body = deep % body
        looks = [lambda text: pieces(text)[0], lambda text: _json.members(text, _json.whole(text))]
        if body.startswith(b"["):
            looks[1] = lambda text: list(_json.elements(text, _json.whole(text)))
        for look in looks:
            if depth <= MAX_DEPTH + 1:
                assert len(json.loads(body)) == len(look(body))
            else:
                with pytest.raises(Undecodable):
                    look(body)


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[1,]",
            b"NaN",
            b"1e400",
            b"\xef\xbb\xbf{}",
            b'"\xff"',
            b'"\\ud800"',
            b"[" * 2000 + b"]" * 2000,
        ),
        "{}".encode("utf-16"),
    ],
)
def test_what_is_not_json_is_undecodable(body) -> None:
    with pytest.raises(Undecodable, match="not JSON"):
        _json.parse(body)


def test_a_repeated_key_is_refused_however_it_is_written() -> None:
    body = b'{"ab":[1],"\\u0061b":2}'
    with pytest.raises(Undecodable, match="twice"):
        _json.members(body, _json.whole(body))
    with pytest.raises(Undecodable, match="twice"):
        _json.rows(body, _json.whole(body), "ab")


def test_edits_are_made_in_place() -> None:
    body = b'{"a": 1.10 , "b":[12345678901234567890123]}'
    found = _json.members(body, _json.whole(body))
    edits = [_json.slot(found, Span(0, len(body)), key).filled(b"7") for key in ("a", "new")]

    assert _json.splice(body, edits) == b'{"new":7,"a": 7 , "b":[12345678901234567890123]}'
    assert _json.splice(body, []) is body
    assert _json.splice(b"{}", [_json.slot({}, Span(0, 2), "a").filled(b"1")]) == b'{"a":1}'
    assert _json.splice(b"abcd", [Edit(Span(3, 4), b"z"), Edit(Span(0, 1), b"y")]) == b"ybcz"

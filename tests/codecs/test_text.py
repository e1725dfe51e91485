from __future__ import annotations

import json

import pytest

from proxy.codecs.text import AUTO_FIELDS, TextFields

NODE = json.dumps({"id_": "1", "text": "inner"})


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"page_content": "LangChain", "text": "later"}, "LangChain"),
        ({"content": "Haystack"}, "Haystack"),
        ({"_node_content": NODE}, "inner"),
        ({"_node_content": "plain text"}, "plain text"),
        ({"_node_content": '{"text": ""}', "text": "outer"}, "outer"),
        ({"_node_content": "[]", "body": "body"}, "body"),
        ({"page_content": "  ", "text": "text"}, "text"),
        ({"page_content": 3, "document": "document"}, "document"),
        ({"title": "none of them"}, None),
        ({}, None),
    ],
)
def test_text_is_detected_where_frameworks_put_it(payload, text) -> None:
    assert TextFields().read(payload) == text


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (("title",), "T"),
        (("title", "meta.text"), "T | M"),
        (("nowhere", "meta.text"), "M"),
        (("dotted.key",), "D"),
        (("meta.node._node_content",), "inner"),
        (("meta.text.x",), None),
        (("blank",), None),
        (("number",), None),
    ],
)
def test_configured_fields_are_joined(paths, text) -> None:
    payload = {
        "title": "T",
        "meta": {"text": "M", "node": {"_node_content": NODE}},
        "dotted.key": "D",
        "blank": "\n",
        "number": 3,
        "page_content": "not asked for",
    }

    assert TextFields(paths, " | ").read(payload) == text


def test_what_is_borrowed_is_what_is_read() -> None:
    assert TextFields(("a", "b.c")).wanted == ("a", "b.c")
    assert TextFields().wanted == AUTO_FIELDS

"""What applications post is read strictly, and nothing of it is quoted back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.evidence.posts import MAX_ID, MAX_IDS, MAX_POSTS, BadPost, Post, read_posts

EXCHANGE = "00000000000000e1"
TRACE = "0af7651916cd43dd8448eb211c80319c"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def read(content):
    return read_posts(json.dumps(content).encode())


def test_an_object_is_one_post_and_a_list_are_many():
    assert read({"exchange": EXCHANGE, "used": ["a"]}) == [Post(EXCHANGE, "", "used", frozenset("a"))]
    assert (
        read([{"trace": TRACE.upper(), "cited": [7]}] * 2) == [Post("", TRACE, "cited", frozenset("7"))] * 2
    )


@pytest.mark.parametrize(
    ("told", "signal", "ids"),
    [
        ({"used": ["a"], "clicked": ["b"], "cited": ["c"]}, "used", "ab"),
        ({"used": [], "clicked": ["b"], "cited": ["c"]}, "clicked", "b"),
        ({"used": [], "clicked": [], "cited": ["c", "c"]}, "cited", "c"),
        ({"used": []}, None, ""),
    ],
)
def test_what_people_did_is_heard_before_citations(told, signal, ids):
    assert read({"exchange": EXCHANGE, **told}) == [Post(EXCHANGE, "", signal, frozenset(ids))]


@pytest.mark.parametrize(
    "content",
    [
        "text",
        [],
        [[]],
        {"used": ["a"]},
        {"exchange": EXCHANGE},
        {"exchange": EXCHANGE, "trace": TRACE, "used": []},
        {"exchange": EXCHANGE, "used": [], "use": ["a"]},
        {"exchange": EXCHANGE[1:], "used": []},
        {"exchange": 7, "used": []},
        {"trace": f"{TRACE}0", "used": []},
        {"exchange": EXCHANGE, "used": "a"},
        {"exchange": EXCHANGE, "used": [True]},
        {"exchange": EXCHANGE, "used": [1.5]},
        {"exchange": EXCHANGE, "used": [None]},
        {"exchange": EXCHANGE, "used": [""]},
        {"exchange": EXCHANGE, "used": ["x" * (MAX_ID + 1)]},
        {"exchange": EXCHANGE, "used": ["x"] * (MAX_IDS + 1)},
        [{"exchange": EXCHANGE, "used": []}] * (MAX_POSTS + 1),
        [{"exchange": EXCHANGE, "used": list(range(MAX_IDS))}] * 5,
    ],
)
def test_what_is_no_feedback_is_refused_in_words_that_quote_nothing(content):
    with pytest.raises(BadPost) as refusal:
        read(content)

    for quoted in (EXCHANGE, EXCHANGE[1:], TRACE, '"use"', "xx"):
        assert quoted not in str(refusal.value)


def test_the_place_of_a_bad_item_is_told():
    with pytest.raises(BadPost, match="item 1: cited should be a list"):
        read([{"exchange": EXCHANGE, "cited": []}, {"exchange": EXCHANGE, "cited": 7}])


@given(st.binary() | JSON.map(lambda content: json.dumps(content).encode("utf-8", "surrogatepass")))
def test_whatever_is_posted_is_read_or_refused(body):
    try:
        posts = read_posts(body)
    except BadPost:
        return
    assert all(isinstance(post, Post) for post in posts)


@given(st.sampled_from(["exchange", "trace", "used", "clicked", "cited"]), JSON)
def test_any_value_under_a_known_key_is_read_or_refused(key, value):
    content = {"exchange": EXCHANGE, "used": ["a"], key: value}
    try:
        (post,) = read_posts(json.dumps(content).encode("utf-8", "surrogatepass"))
    except BadPost:
        return
    assert all(isinstance(one, str) for one in post.ids)

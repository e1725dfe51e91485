"""The two chat APIs: what is sent, and what their answers are read as."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.scoring.llm.answers import Grade
from proxy.scoring.llm.anthropic import AnthropicMessages
from proxy.scoring.llm.chat import Asking, Question, Said, Usage
from proxy.scoring.llm.openai_chat import OpenAiChat

FORM = Grade("points")
QUESTION = Question("be fair", "how good?", FORM.name, FORM.schema)
OPENAI = OpenAiChat(Asking("m"))
ANTHROPIC = AnthropicMessages(Asking("m"))


def sent(api):
    return orjson.loads(api.encode(QUESTION))


def test_openai_is_asked_with_a_schema_at_temperature_zero():
    assert OPENAI.path == "/chat/completions"
    assert OPENAI.headers("k")["Authorization"] == "Bearer k"
    assert "Authorization" not in OPENAI.headers(None)
    assert sent(OPENAI) == {
        "model": "m",
        "messages": [{"role": "system", "content": "be fair"}, {"role": "user", "content": "how good?"}],
        "max_tokens": 1024,
        "temperature": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "grade", "strict": True, "schema": FORM.schema},
        },
    }


def test_anthropic_is_asked_with_a_schema_at_temperature_zero():
    assert ANTHROPIC.path == "/v1/messages"
    assert ANTHROPIC.headers("k")["x-api-key"] == "k"
    assert ANTHROPIC.headers(None)["anthropic-version"] == "2023-06-01"
    assert sent(ANTHROPIC) == {
        "model": "m",
        "max_tokens": 1024,
        "system": "be fair",
        "messages": [{"role": "user", "content": "how good?"}],
        "temperature": 0,
        "output_config": {"format": {"type": "json_schema", "schema": FORM.schema}},
    }


def test_a_tool_may_enforce_the_form():
    openai = sent(OpenAiChat(Asking("m", "tool")))
    anthropic = sent(AnthropicMessages(Asking("m", "tool")))

    assert openai["tool_choice"] == {"type": "function", "function": {"name": "grade"}}
    assert openai["tools"][0]["function"]["parameters"] == FORM.schema
    assert anthropic["tool_choice"] == {"type": "tool", "name": "grade"}
    assert anthropic["tools"][0]["input_schema"] == FORM.schema


@pytest.mark.parametrize("make", [OpenAiChat, AnthropicMessages])
def test_form_temperature_and_system_can_be_left_out(make):
    api = make(Asking("m", "off", None))
    body = orjson.loads(api.encode(QUESTION._replace(system="")))

    assert set(body) == {"model", "messages", "max_tokens"}
    assert body["messages"] == [{"role": "user", "content": "how good?"}]


def test_the_output_limit_has_another_name_for_some_models():
    api = OpenAiChat(Asking("m", max_output_tokens=9), output_limit="max_completion_tokens")

    assert sent(api)["max_completion_tokens"] == 9
    assert "max_tokens" not in sent(api)


def openai(message, finish="stop", **more):
    return orjson.dumps({"choices": [{"message": message, "finish_reason": finish}], **more})


def anthropic(*blocks, stop="end_turn", **more):
    return orjson.dumps({"content": list(blocks), "stop_reason": stop, **more})


def test_openai_answers_are_read():
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    call = {"type": "function", "function": {"name": "grade", "arguments": '{"grade": 7}'}}
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "7"}]

    assert OPENAI.decode(openai({"content": "hi"}, usage=usage)) == Said("hi", Usage(7, 3))
    assert OPENAI.decode(openai({"content": "hi"}, finish=None)) == Said("hi", None)
    assert OPENAI.decode(openai({"content": None, "tool_calls": [call]}, "tool_calls")).text == '{"grade": 7}'
    assert OPENAI.decode(openai({"content": parts})).text == "7"


def test_anthropic_answers_are_read():
    usage = {
        "input_tokens": 7,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": None,
        "output_tokens": 3,
    }
    text, tool = {"type": "text", "text": "hi"}, {"type": "tool_use", "name": "grade", "input": {"grade": 7}}

    assert ANTHROPIC.decode(anthropic(text, usage=usage)) == Said("hi", Usage(12, 3))
    assert ANTHROPIC.decode(anthropic({"type": "thinking", "thinking": "hm"}, text)).text == "hi"
    assert ANTHROPIC.decode(anthropic(text, tool, stop="tool_use")).text == '{"grade":7}'


@pytest.mark.parametrize(
    "body",
    [
        openai({"content": "cut o"}, "length"),
        openai({"content": "x"}, "content_filter"),
        openai({"content": None, "refusal": "no"}),
        openai({"content": ""}),
        openai({"content": None, "tool_calls": [{"function": {"arguments": "1"}}] * 2}),
        openai({"content": None, "tool_calls": [7]}),
        openai("hi"),
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"error": {"message": "quota"}}',
        b"[]",
        b"<html>",
        b"",
    ],
)
def test_what_is_no_answer_of_openai_has_no_text(body):
    assert OPENAI.decode(body).text is None


@pytest.mark.parametrize(
    "body",
    [
        anthropic({"type": "text", "text": "cut o"}, stop="max_tokens"),
        anthropic({"type": "text", "text": "no"}, stop="refusal"),
        anthropic(),
        anthropic({"type": "tool_use", "input": 1}, {"type": "tool_use", "input": 2}),
        anthropic({"type": "text", "text": 7}),
        anthropic("hi"),
        b'{"type": "error"}',
        b"null",
        b"{",
    ],
)
def test_what_is_no_answer_of_anthropic_has_no_text(body):
    assert ANTHROPIC.decode(body).text is None


def test_what_was_cut_off_has_been_paid_all_the_same():
    body = openai({"content": "cut o"}, "length", usage={"prompt_tokens": 7, "completion_tokens": 3})

    assert OPENAI.decode(body) == Said(None, Usage(7, 3))


@pytest.mark.parametrize(
    "usage", [None, [], {"prompt_tokens": 7}, {"prompt_tokens": -1, "completion_tokens": 1}]
)
def test_a_usage_that_is_none_is_unknown(usage):
    assert OPENAI.decode(openai({"content": "hi"}, usage=usage)).usage is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "usage", "tool_calls", "function", "text", "stop_reason"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([OPENAI, ANTHROPIC]))
def test_reading_never_fails(value, api):
    for whole in (value, {"choices": [{"message": value}]}, {"content": value, "stop_reason": "end_turn"}):
        said = api.decode(orjson.dumps(whole))
        assert said.text is None or isinstance(said.text, str)

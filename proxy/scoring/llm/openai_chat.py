"""Chat Completions, as OpenAI, vLLM, llama.cpp, Ollama, LM Studio, Mistral, Groq, OpenRouter ... speak it.

Reference: platform.openai.com/docs/api-reference/chat. Servers differ in three things, which are settings:
whether they know `response_format`, whether a temperature may be set, and the name of the output limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import orjson

from proxy.scoring.llm.chat import Said, read_object, read_usage

if TYPE_CHECKING:
    from proxy.scoring.llm.chat import Asking, Question

OutputLimit = Literal["max_tokens", "max_completion_tokens"]


class OpenAiChat:
    """One model behind a Chat Completions endpoint."""

    path = "/chat/completions"

    def __init__(self, asking: Asking, *, output_limit: OutputLimit = "max_tokens") -> None:
        """Take how to ask; OpenAI's reasoning models want `max_completion_tokens`, others may not know it."""
        self._asking = asking
        self._output_limit = output_limit

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the content type, and the key if there is one: servers on one's own machine have none."""
        content = {"Content-Type": "application/json"}
        return content if key is None else {**content, "Authorization": f"Bearer {key}"}

    def encode(self, question: Question) -> bytes:
        """Return the body of a request."""
        asking = self._asking
        messages = [{"role": "system", "content": question.system}] if question.system else []
        body: dict[str, Any] = {
            "model": asking.model,
            "messages": [*messages, {"role": "user", "content": question.user}],
            self._output_limit: asking.max_output_tokens,
        }
        if asking.temperature is not None:
            body["temperature"] = asking.temperature
        match asking.structured:
            case "schema":
                form = {"name": question.form, "strict": True, "schema": question.schema}
                body["response_format"] = {"type": "json_schema", "json_schema": form}
            case "tool":
                function = {"name": question.form, "strict": True, "parameters": question.schema}
                body["tools"] = [{"type": "function", "function": function}]
                body["tool_choice"] = {"type": "function", "function": {"name": question.form}}
            case "off":
                pass
        return orjson.dumps(body)

    def decode(self, body: bytes) -> Said:
        """Return the first choice's text, or the arguments of its tool call."""
        answer = read_object(body)
        usage = read_usage(answer.get("usage"), ("prompt_tokens",), "completion_tokens")
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            return Said(None, usage)  # an `error` with status 200 ends here, too
        if choice.get("finish_reason") not in _FINISHED:
            return Said(None, usage)
        return Said(_text(choice["message"]), usage)


# Not `length` (cut off) nor `content_filter`; servers of one's own may say nothing.
_FINISHED = ("stop", "tool_calls", "eos", "", None)


def _text(message: dict[str, Any]) -> str | None:
    if message.get("refusal"):
        return None
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        function = calls[0].get("function") if len(calls) == 1 and isinstance(calls[0], dict) else None
        arguments = function.get("arguments") if isinstance(function, dict) else None
        return arguments if isinstance(arguments, str) else None
    content = message.get("content")
    if isinstance(content, list):
        # Mistral's reasoning models answer in parts.
        texts = (
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        )
        content = "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) and content else None

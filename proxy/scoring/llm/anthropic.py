"""Anthropic's Messages API.

Reference: platform.claude.com/docs/en/api/messages, and /docs/en/build-with-claude/structured-outputs.
Models from Claude 4.7 on refuse a temperature: the setting must be null for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from proxy.scoring.llm.chat import Said, read_object, read_usage

if TYPE_CHECKING:
    from proxy.scoring.llm.chat import Asking, Question

_VERSION = "2023-06-01"
# What is read from a cache, or written into it, is not part of `input_tokens`.
_INPUTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class AnthropicMessages:
    """One model behind a Messages endpoint."""

    path = "/v1/messages"

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def headers(self, key: str | None) -> dict[str, str]:
        """Return the content type, the API's version, and the key if there is one."""
        fixed = {"Content-Type": "application/json", "anthropic-version": _VERSION}
        return fixed if key is None else {**fixed, "x-api-key": key}

    def encode(self, question: Question) -> bytes:
        """Return the body of a request."""
        asking = self._asking
        body: dict[str, Any] = {
            "model": asking.model,
            "max_tokens": asking.max_output_tokens,
            "messages": [{"role": "user", "content": question.user}],
        }
        if question.system:
            body["system"] = question.system
        if asking.temperature is not None:
            body["temperature"] = asking.temperature
        match asking.structured:
            case "schema":
                body["output_config"] = {"format": {"type": "json_schema", "schema": question.schema}}
            case "tool":
                body["tools"] = [
                    {
                        "name": question.form,
                        "description": "Hands the answer over.",
                        "input_schema": question.schema,
                    }
                ]
                body["tool_choice"] = {"type": "tool", "name": question.form}
            case "off":
                pass
        return orjson.dumps(body)

    def decode(self, body: bytes) -> Said:
        """Return the text blocks, or the input of the tool that was used."""
        answer = read_object(body)
        usage = read_usage(answer.get("usage"), _INPUTS, "output_tokens")
        content = answer.get("content")
        # Not `max_tokens` (cut off), `refusal`, `pause_turn`, ...
        if answer.get("stop_reason") not in ("end_turn", "tool_use") or not isinstance(content, list):
            return Said(None, usage)
        return Said(_text([block for block in content if isinstance(block, dict)]), usage)


def _text(blocks: list[dict[str, Any]]) -> str | None:
    used = [block.get("input") for block in blocks if block.get("type") == "tool_use"]
    if used:
        return orjson.dumps(used[0]).decode() if len(used) == 1 else None
    texts = (block.get("text") for block in blocks if block.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str)) or None

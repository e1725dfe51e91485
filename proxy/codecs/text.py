"""Which fields of a hit hold its text, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

# A JSON value as orjson reads it.
Json = Mapping[str, "Json"] | list["Json"] | str | int | float | bool | None

# Where frameworks put a chunk's text, most specific first, from their real payloads: LangChain, Haystack,
# LlamaIndex (JSON inside a string), then what hand-written apps call it.
AUTO_FIELDS = ("page_content", "content", "_node_content", "text", "document", "chunk", "body")


@dataclass(frozen=True, slots=True)
class TextFields:
    """Field paths of a collection's text (`metadata.title`, `document`); empty `paths` means: detect.

    Several paths are joined with `join`, missing ones skipped.
    """

    paths: tuple[str, ...] = ()
    join: str = "\n"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The paths to borrow from the store: the configured ones, else all that may hold text."""
        return self.paths or AUTO_FIELDS

    def read(self, payload: Mapping[str, Json]) -> str | None:
        """Return the text of a hit, or None where there is nothing to read."""
        if self.paths:
            parts = [text for path in self.paths if (text := _text_at(payload, path))]
            return self.join.join(parts) or None
        return next((text for field in AUTO_FIELDS if (text := _text_at(payload, field))), None)


def _text_at(payload: Mapping[str, Json], path: str) -> str | None:
    value: Json = payload.get(path)  # a key may itself contain dots
    if value is None:
        value = payload
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value.strip():
        return None
    return _node_text(value) if path.rpartition(".")[2] == "_node_content" else value


def _node_text(node: str) -> str | None:
    """Read LlamaIndex's serialised node; in its Chroma integration the inner text is empty."""
    try:
        content = orjson.loads(node)
    except orjson.JSONDecodeError:
        return node
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, str) and text.strip() else None

"""YAML and JSON written so that they mean to kubectl what was read; see `manifest_yaml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from proxy.errors import BadConfig, Mistake
from proxy.injection.manifest_yaml import NO_TEXT, TAG, Word, add_resolvers, is_text

if TYPE_CHECKING:
    from proxy.injection.manifest_yaml import Document

# Comments before a document's content.
_HEAD = re.compile(r"(?:(?:---[ \t]*(?:#.*)?|#.*|[ \t]*)\r?\n)*")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_OTHER_NUMBER = re.compile(
    r"[-+]?(?:0[xXbB][0-9a-fA-F_]+|[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+|\.inf|\.nan)", re.IGNORECASE
)
_OCTAL = re.compile(r"0o?[0-7]+")


# C where libyaml is there.
class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # its base is found out above
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def ignore_aliases(self, _data: object) -> bool:
        return True


def written(document: Document, data: Any) -> str:
    """Return a document that says something else now, under the comments that it began with."""
    head = _HEAD.match(document.text)
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1)
    return (head[0] if head else "") + body.replace("\n", _line_end(document.text))


def joined(texts: list[str]) -> str:
    """Return documents as a stream."""
    rest = (text if text.startswith("---") else f"---{_line_end(text)}{text}" for text in texts[1:])
    return "".join((*texts[:1], *rest))


def as_json(data: Any, file: str) -> Any:
    """Return what was read with its words as JSON has them: what all parsers take for a number is one.

    Raises:
        BadConfig: a word is true to some parsers and a text to others.
    """
    if isinstance(data, dict):
        return {str(key): as_json(value, file) for key, value in data.items()}
    if isinstance(data, list):
        return [as_json(value, file) for value in data]
    if not isinstance(data, Word):
        return data
    if _NUMBER.fullmatch(data):
        return float(data) if re.search("[.eE]", data) else int(data)
    if _OCTAL.fullmatch(data):
        return int(data, 8)
    if data.lower() in NO_TEXT or _OTHER_NUMBER.fullmatch(data):
        raise BadConfig((Mistake(file, "(yaml)", data, "quotation marks around it, or --output yaml"),))
    return str(data)


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _write_text(_dumper: Any, value: str) -> yaml.Node:
    quoted = "'" if '"' in value else '"'
    style = "|" if "\n" in value else None if is_text(value) else quoted
    return yaml.ScalarNode(f"{TAG}str", value, style=style)


def _write_word(_dumper: Any, value: object) -> yaml.Node:
    return yaml.ScalarNode(f"{TAG}str", str(value))


add_resolvers(_Dumper)
_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(Word, _write_word)
_Dumper.add_representer(float, lambda _, value: _write_word(_, repr(value)))

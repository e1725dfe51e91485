"""Changes to values of a YAML text that leave the rest as it is: comments, quotes, `${NAME}` and all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

Path = tuple[str | int, ...]


def put(text: str, path: Path, value: object) -> str:
    """Return the text with another value at a path of keys and places; what the path lacks is added.

    The value is written in the line of its key. What the text says by anchors or merged keys may
    come out otherwise: whoever uses those should compare what is read.

    Raises:
        ValueError: the path leads into something that is no mapping, or past the end of a sequence.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, step in enumerate(path):
        rest = path[depth + 1 :]
        if isinstance(step, int):
            if not isinstance(node, yaml.SequenceNode) or step >= len(node.value):
                raise ValueError("there is no such place")
            node = node.value[step]
            continue
        if not isinstance(node, yaml.MappingNode):
            raise ValueError("there is no mapping")  # noqa: TRY004 - it is the text that is wrong
        entry = next((one for one in node.value if one[0].value == step), None)
        if entry is None:
            return _added(text, node, f"{_flow(step)}: {_nested(rest, value)}")
        key, node = entry
        if not rest or _empty(node):
            return _spliced(text, _Span(key.end_mark.index, _end(node)), f": {_nested(rest, value)}")
    raise ValueError("a path ends with a key")


class _Span(NamedTuple):
    start: int
    end: int


def _added(text: str, mapping: yaml.MappingNode, entry: str) -> str:
    """Return the text with an entry in front of the others of a mapping."""
    if mapping.flow_style:
        # The mark is that of an anchor, if there is one.
        start = text.index("{", mapping.start_mark.index) + 1
        return _spliced(text, _Span(start, start), f"{entry}, " if mapping.value else entry)
    first = mapping.value[0][0].start_mark
    return _spliced(text, _Span(first.index, first.index), f"{entry}\n{' ' * first.column}")


def _spliced(text: str, span: _Span, piece: str) -> str:
    return text[: span.start] + piece + text[span.end :]


def _end(node: yaml.Node) -> int:
    """Return where a node's own text ends: a block's mark lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end


def _empty(node: yaml.Node) -> bool:
    """Say whether a value is none: `key:` with nothing behind it, or `null`."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _nested(rest: Sequence[str | int], value: object) -> str:
    """Write a value in one line, inside of as many mappings as the rest of its path names."""
    for step in reversed(rest):
        value = {step: value}
    return _flow(value)


def _flow(value: object) -> str:
    # In a list, as a scalar alone is a document with an end of its own.
    return yaml.safe_dump([value], default_flow_style=True, width=math.inf, sort_keys=False).strip()[1:-1]

"""YAML as Kubernetes writes and reads it: what comes out means the same to kubectl as what went in.

Parsers differ in what they take for numbers and truth: `12:30`, `1e3`, `0644`, `yes`, a date. So only what
all of them agree on is read as a number, a boolean or null here; other unquoted words stay as they were
written, `Word`s, and texts that any parser might take for something else are written in quotation marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from proxy.errors import BadConfig, Mistake
from proxy.injection.trees import duplicates

# A large cluster's manifests have some 100 000 values; a few aliases can stand for many more.
MAX_NODES = 1_000_000
MAX_DEPTH = 100
# What no parser takes for anything but a text.
_TEXT = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")
NO_TEXT = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
TAG = "tag:yaml.org,2002:"

Key = tuple[str | int, ...]


class Word(str):
    """An unquoted word that some parser may take for something else than a text; kept as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream: what it says, how that was written, and the lines of its keys."""

    data: Any
    text: str
    lines: dict[Key, int]


# C where libyaml is there: ten times faster.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # its base is found out above
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way
    yaml_constructors: dict[str, Any] = {}  # noqa: RUF012


def is_text(value: str) -> bool:
    """Say whether every parser takes a word for a text."""
    return _TEXT.fullmatch(value) is not None and value.lower() not in NO_TEXT


def add_resolvers(kind: Any) -> None:
    """Tell a loader or dumper what is a boolean, a number or null to every parser."""
    kind.add_implicit_resolver(f"{TAG}bool", re.compile(r"(?:true|false)\Z"), list("tf"))
    kind.add_implicit_resolver(f"{TAG}int", re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z"), list("-0123456789"))
    kind.add_implicit_resolver(f"{TAG}null", re.compile(r"(?:~|null|)\Z"), ["~", "n", ""])
    kind.add_implicit_resolver(f"{TAG}merge", re.compile(r"<<\Z"), ["<"])


def read_documents(text: str, file: str) -> list[Document]:
    """Return the documents of a stream.

    Raises:
        BadConfig: it is not YAML, names a key twice, or holds more than a manifest does.
    """
    text = text.removeprefix("\ufeff")
    try:
        pieces = _pieces(text, file)
        if not pieces:
            return [Document(None, text, {})]
        loader = _Loader(text)
        documents = []
        for piece in pieces:
            loader.check_node()
            lines = _lines(node := loader.get_node(), file)
            documents.append(Document(_unshared(loader.construct_document(node)), piece, lines))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        # Behind a quotation mark the file itself is quoted.
        what = re.split("['\"]", getattr(error, "problem", None) or "not YAML")[0].strip()
        line = mark.line + 1 if mark else None
        raise BadConfig((Mistake(file, "(yaml)", what, "valid YAML", line),)) from error
    return documents


def _pieces(text: str, file: str) -> list[str]:
    """Cut a stream into its documents, comments and all."""
    starts = []
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            # At once: a parser takes the longer for each bracket, the more of them are open.
            raise BadConfig((_too_much(file, event.start_mark.line + 1 if event.start_mark else None),))
        if isinstance(event, yaml.DocumentStartEvent):
            if event.version or event.tags:
                raise BadConfig((Mistake(file, "(yaml)", "a directive", "documents without directives"),))
            starts.append(event.start_mark.index if event.start_mark else 0)
    # What stands before the first one belongs to it.
    starts[:1] = [0][: len(starts)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=False)]


def _unshared(data: Any) -> Any:
    """Return data in which nothing stands twice: whoever changes one place changes no alias of it."""
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(value) for value in data] if isinstance(data, list) else data


def _too_much(file: str, line: int | None) -> Mistake:
    return Mistake(file, "(yaml)", "too much", f"at most {MAX_NODES} values, {MAX_DEPTH} deep", line)


def _lines(root: yaml.Node, file: str) -> dict[Key, int]:
    """Return where keys stand, having seen that none stands twice and that it isn't too much of anything."""
    lines: dict[Key, int] = {}
    waiting: list[tuple[yaml.Node, Key]] = [(root, ())]
    count = 0
    while waiting:
        node, key = waiting.pop()
        count += 1
        line = lines.setdefault(key, node.start_mark.line + 1)
        if count > MAX_NODES or len(key) > MAX_DEPTH:
            raise BadConfig((_too_much(file, line),))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(child, (*key, number)) for number, child in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            for name in duplicates(str(name.value) for name, _ in node.value):
                place = ".".join(map(str, (*key, name)))
                raise BadConfig((Mistake(file, place, "given twice", "each key once", line),))
            for name, child in node.value:
                if not isinstance(name, yaml.ScalarNode):
                    raise BadConfig(
                        (Mistake(file, "(yaml)", "a key that is no word", "keys of one word", line),)
                    )
                place_of = (*key, str(name.value))
                lines[place_of] = name.start_mark.line + 1
                waiting.append((child, place_of))
    return lines


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    """Return what is in quotation marks as a text, and what is not as it stands."""
    value = str(loader.construct_scalar(node))
    implicit = loader.resolve(yaml.ScalarNode, node.value, (True, False)) == f"{TAG}str"
    return Word(value) if not node.style and implicit and not is_text(value) else value


def _unknown(_loader: Any, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(None, None, "an unknown tag", node.start_mark)


_Loader.add_constructor(f"{TAG}bool", lambda _, node: node.value == "true")
_Loader.add_constructor(f"{TAG}int", lambda _, node: int(node.value))
_Loader.add_constructor(f"{TAG}null", lambda _, __: None)
_Loader.add_constructor(f"{TAG}str", _text)
_Loader.add_constructor(f"{TAG}merge", lambda _, node: str(node.value))  # as a value it is a text
_Loader.add_constructor(f"{TAG}seq", lambda loader, node: loader.construct_sequence(node, deep=True))
_Loader.add_constructor(f"{TAG}map", _mapping)
_Loader.add_constructor(None, _unknown)
add_resolvers(_Loader)

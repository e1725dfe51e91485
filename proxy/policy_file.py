"""Read a policy from YAML and tell every mistake at once: file, line, key path, value, what is allowed."""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from proxy.errors import BadConfig, Mistake
from proxy.places import VARIABLE
from proxy.policy import Policy
from proxy.policy_scoring import Scored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

# A policy is reviewed by people; anything longer or deeper, or an alias that expands beyond this, is not one.
MAX_BYTES = 256 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 50
# Characters of a key that is shown whole; a longer one is none of ours, and may be a misplaced secret.
_LONGEST_KEY = 24

Key = tuple[str | int, ...]
# Keys whose values are never shown, not even as they were written.
_SECRET_KEYS = frozenset(("secret", "password", "sentinel_password", "api_key", "api_key_file"))
# The model of those who name none.
_DEFAULT = Scored.model_fields["rerank"].default[0]
_REDIS_URL = ("redis", "url")
# The query of a URL, and its fragment.
_QUERY = re.compile(r"([?#]).+", re.DOTALL)


def load_policy(
    path: Path, environment: Mapping[str, str] = os.environ, *, admin: str | None = None
) -> Policy:
    """Read the policy file at `path`, with `${NAME}` and `${NAME:-default}` taken from the environment.

    `admin` stands in for the address of that name.

    Raises:
        BadConfig: the file can't be read or anything in it is wrong.
    """
    file = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadConfig(
            (Mistake(file, "(file)", error.strerror or "unreadable", "a readable file"),)
        ) from error
    if len(raw) > MAX_BYTES:
        raise BadConfig((Mistake(file, "(file)", f"{len(raw)} bytes", f"at most {MAX_BYTES} bytes"),))
    policy = raw.decode("utf-8", "replace")
    return parse_policy(policy, file=file, environment=environment, admin=admin)


def parse_policy(text: str, *, file: str, environment: Mapping[str, str], admin: str | None = None) -> Policy:
    """Read a policy out of YAML text; `file` is what mistakes are reported under.

    Raises:
        BadConfig: anything is wrong.
    """
    source = _Source(file)
    data = source.read(text)
    if admin is not None and isinstance(data, dict):
        given = data.get("admin")
        data["admin"] = {**(given if isinstance(given, dict) else {}), "listen": admin}
    filled = _substitute(
        data, (), lambda key, name, default: source.variable(key, name, default, environment)
    )
    policy: Policy | None
    try:
        policy = Policy.model_validate(filled)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            source.wrong_value(detail, data)
        policy = None
    source.cross_check(filled)
    if source.mistakes or policy is None:
        raise BadConfig(tuple(sorted(source.mistakes, key=lambda mistake: mistake.line or 0)))
    return policy


class _Loader(yaml.SafeLoader):
    """Reads no timestamps: a policy has none, and some that look like one are none."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library has it
        first: [one for one in resolvers if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class _Source:
    """The YAML text's lines by key path, and the mistakes found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._lines: dict[Key, int] = {}
        self._nodes = 0

    def read(self, text: str) -> Any:
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is None:
                raise BadConfig(
                    (Mistake(self.file, "(file)", "empty", "a policy with stores or a rerank_api"),)
                )
            self._walk(node, ())
            if self.mistakes:
                raise BadConfig(tuple(self.mistakes))
            return loader.construct_document(node)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            # Behind a quotation mark the file itself is quoted, and that line may be the one with the secret.
            what = re.split("['\"]", getattr(error, "problem", None) or "not YAML")[0].strip()
            line = mark.line + 1 if mark else None
            raise BadConfig((Mistake(self.file, "(yaml)", what, "valid YAML", line),)) from error
        except (ValueError, KeyError, AttributeError, RecursionError) as error:
            # What the library raises for values that their tags don't fit (`!!int x`), and endless brackets.
            raise BadConfig((Mistake(self.file, "(yaml)", "not YAML", "valid YAML"),)) from error

    def _walk(self, node: yaml.Node, key: Key) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise BadConfig((Mistake(self.file, "(file)", "too many values", f"at most {MAX_NODES} values"),))
        if len(key) > MAX_DEPTH:
            raise BadConfig((Mistake(self.file, "(file)", "nested too deep", f"at most {MAX_DEPTH} levels"),))
        self._lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*key, index))
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for name_node, value in node.value:
                name = str(name_node.value)
                child = (*key, name)
                self._lines[child] = name_node.start_mark.line + 1
                if name in seen:
                    self.mistakes.append(self._mistake(child, "given twice", "each key once"))
                seen.add(name)
                self._walk(value, child)

    def variable(self, key: Key, name: str, default: str | None, environment: Mapping[str, str]) -> str:
        value = environment.get(name, default)
        if value is None:
            allowed = f"a set environment variable, or a default: ${{{name}:-...}}"
            self.mistakes.append(self._mistake(key, f"${{{name}}} is not set", allowed))
        return value or ""

    def wrong_value(self, detail: ErrorDetails, data: Any) -> None:
        key = _without_tags(detail["loc"], data)
        if any(mistake.key == _dotted(key) for mistake in self.mistakes):
            return  # an unset variable has been named already
        if detail["type"] == "too_short" and isinstance(_at(data, key), list) and _at(data, key):
            return  # pydantic counts the valid items only; the invalid ones are named by themselves
        if detail["type"] == "union_tag_invalid":
            key = (*key, "kind")
        # The value as written: what came out of the environment may be a secret.
        value = _at(data, key)
        shown = "missing" if detail["type"] == "missing" else _shown(key, value)
        if detail["type"] == "extra_forbidden":
            shown, allowed = "unknown key", _allowed_keys(key, data)
        elif detail["type"] == "missing":
            allowed = "required"
        elif detail["type"] == "union_tag_invalid":
            allowed = f"should be one of {detail['ctx']['expected_tags']}"
        elif detail["type"] in ("model_type", "model_attributes_type"):
            shown = "a string" if key and isinstance(value, str) else shown
            allowed = "should be a mapping of keys to values"
        elif detail["type"] == "tuple_type":
            allowed = "should be a list"
        elif detail["type"] == "too_short":
            allowed = "should have one item or more"
        else:
            allowed = detail["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
        self.mistakes.append(self._mistake(key, shown, allowed))

    def cross_check(self, data: Any) -> None:
        """Check what spans several keys: names that must exist, or be distinct."""
        given = _at(data, ("models",))
        models = given if isinstance(given, dict) and given else {_DEFAULT: None}
        known = f"a name under `models`: {', '.join(map(str, models))}"
        rules: list[Key] = [("rules", place) for place, _ in enumerate(_list(_at(data, ("rules",))))]
        for asks in (*rules, ("rerank_api",)):
            for index, name in enumerate(_list(_at(data, (*asks, "rerank")))):
                if name not in models:
                    self.mistakes.append(self._mistake((*asks, "rerank", index), repr(name), known))
        if _DEFAULT not in models:
            left_out = f"left out, which means `{_DEFAULT}`"
            for asks in _without_rerank(data):
                self.mistakes.append(self._mistake((*asks, "rerank"), left_out, known))
        reference: Key = ("harm_guard", "reference")
        if (name := _at(data, reference)) is not None and name not in models:
            self.mistakes.append(self._mistake(reference, repr(name), known))
        self._cross_check_addresses(data)

    def _cross_check_addresses(self, data: Any) -> None:
        """Check that whoever listens has an address of its own, and every store a name of its own."""
        stores = _list(_at(data, ("stores",)))
        listeners: list[Key] = [("stores", place, "listen") for place, _ in enumerate(stores)]
        listeners = [
            ("admin",),
            ("admin", "listen"),
            ("rerank_api", "listen"),
            ("feedback", "listen"),
            *listeners,
        ]
        taken: dict[Any, str] = {
            _authority(_at(store, ("upstream",))): f"stores[{place}].upstream"
            for place, store in enumerate(stores)
        }
        for key in listeners:
            address = _at(data, key)
            if not isinstance(address, str) or address.endswith(":0"):
                continue
            if address in taken:
                allowed = f"an address of its own, not that of {taken[address]}"
                self.mistakes.append(self._mistake(key, repr(address), allowed))
            taken.setdefault(address, _dotted(key))
        named: dict[str, int] = {}
        for place, store in enumerate(stores):
            name = _at(store, ("name",)) or _at(store, ("kind",))
            if not isinstance(name, str):
                continue
            if name in named:
                allowed = f"different from the name of stores[{named[name]}]"
                self.mistakes.append(self._mistake(("stores", place, "name"), repr(name), allowed))
            named.setdefault(name, place)

    def _mistake(self, key: Key, value: str, allowed: str) -> Mistake:
        line = next(
            (self._lines[key[:end]] for end in range(len(key), -1, -1) if key[:end] in self._lines), None
        )
        return Mistake(self.file, _dotted(key), value, allowed, line)


def _substitute(value: Any, key: Key, variable: Callable[[Key, str, str | None], str]) -> Any:
    """Return the tree with every `${NAME}` inside its strings replaced."""
    if isinstance(value, dict):
        return {name: _substitute(item, (*key, name), variable) for name, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, (*key, index), variable) for index, item in enumerate(value)]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: variable(key, found[1], found[2]), value)
    return value


def _without_tags(loc: tuple[int | str, ...], data: Any) -> Key:
    """Drop what is not in the data: union tags, as in (`stores`, 0, `chroma`, `listen`), and implied keys."""
    key: Key = ()
    for step in loc:
        here = _at(data, key)
        if isinstance(here, dict) and step not in here and here.get("kind") == step:
            continue
        if not isinstance(here, str):  # one stands for a mapping: `admin: HOST:PORT` for its `listen`
            key = (*key, step)
    return key


def _without_rerank(data: Any) -> Iterator[Key]:
    """Yield what reranks, and names no models for it: the implied rule, too, where there are no others."""
    if _at(data, ("rules",)) is None and _list(_at(data, ("stores",))):
        yield ("rules", 0)
    asks: list[Key] = [("rules", place) for place, _ in enumerate(_list(_at(data, ("rules",))))]
    for key in (*asks, ("rerank_api",)):
        asking = _at(data, key)
        if isinstance(asking, dict) and "rerank" not in asking and asking.get("mode") not in (False, "off"):
            yield key


def _authority(url: Any) -> str | None:
    """Return the HOST:PORT of an upstream."""
    return url.partition("://")[2].partition("/")[0] if isinstance(url, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(data: Any, key: Key) -> Any:
    for step in key:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _allowed_keys(key: Key, data: Any) -> str:
    """Name the keys that are known beside an unknown one, the likeliest first."""
    model: type[BaseModel] = Policy
    for depth, step in enumerate(key[:-1]):
        field = model.model_fields.get(str(step))
        if field is not None:
            inside = _models_in(field.annotation) or _models_in(field.metadata)
            kind = _at(data, key[: depth + 2]).get("kind") if len(inside) > 1 else None
            model = next((one for one in inside if _kind_of(one) == kind), inside[0])
    known = sorted(model.model_fields)
    close = difflib.get_close_matches(str(key[-1]), known, n=1)
    hint = f"did you mean `{close[0]}`? " if close else ""
    return f"{hint}allowed: {', '.join(known)}"


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _kind_of(model: type[BaseModel]) -> str | None:
    kind = model.model_fields.get("kind")
    return kind.annotation.__args__[0] if kind is not None and kind.annotation is not None else None


def _dotted(key: Key) -> str:
    return "".join(map(_step, key)).lstrip(".") or "(file)"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if len(step) <= _LONGEST_KEY else f".{step[:8]}..."


def _shown(key: Key, value: Any) -> str:
    """Return a value for people, but nothing that is secret or may hold something that is."""
    secret = key[-2:] == _REDIS_URL or not _SECRET_KEYS.isdisjoint(key[-1:])
    if isinstance(value, str):  # what is no address and no kind at all may be a key in the wrong place
        secret |= key == ("admin",) and ":" not in value
        secret |= key[-1:] == ("kind",) and len(value) > _LONGEST_KEY
    return "(not shown)" if secret else _short(_open(value))


def _open(value: Any) -> Any:
    """Return a value without what is secret inside."""
    if isinstance(value, dict):
        return {name: "..." if name in _SECRET_KEYS else _open(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_open(inner) for inner in value]
    return _without_credentials(value) if isinstance(value, str) else value


def _without_credentials(text: str) -> str:
    """Return a text without what may be a password or a key, whether it is a proper URL or not."""
    if "@" in text:
        start, _, host = text.rpartition("@")
        scheme, slashes, _ = start.partition("//")
        text = f"{scheme + slashes if slashes else ''}...@{host}"
    if "//" in text or "=" in text:
        text = _QUERY.sub(r"\1...", text)
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

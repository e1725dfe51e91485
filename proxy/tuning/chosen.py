"""The policy file of a chosen point: the file that there was, with the few keys that differ."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import yaml

from proxy.errors import BadConfig
from proxy.policy_file import parse_policy
from proxy.tuning.points import applied, reading
from proxy.tuning.yaml_edit import put

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from proxy.policy import Model, Policy, Rule
    from proxy.tuning.points import Point
    from proxy.tuning.yaml_edit import Path

# How the lines begin that say what was measured; a file that is tuned again has the newest ones alone.
_NOTE = "# midrank tune: "
_NAME = "(chosen policy)"


def chosen_policy(
    source: str,
    policy: Policy,
    rule: Rule,
    point: Point,
    *,
    notes: Sequence[str],
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the text of a policy file with the settings of a point for one of its rules.

    `source` is the text of the file that `policy` was read from; its comments stay, and so does `${NAME}`,
    which is never filled in. `notes` stand at the top. Where other rules use the same models, a model that is
    to read otherwise comes in under a new name.

    Raises:
        BadConfig: the new file would be wrong.
    """
    body = "".join(line for line in source.splitlines(keepends=True) if not line.startswith(_NOTE))
    data = yaml.safe_load(body)
    change = _Change(policy, rule, point)
    edits = list(change.edits(data))
    text = body
    try:
        for path, value in edits:
            text = put(text, path, value)
        as_meant = parse_policy(text, file=_NAME, environment=environment) == change.expected
    except (BadConfig, ValueError, yaml.YAMLError):
        as_meant = False
    if not as_meant:
        # Anchors and merged keys: the same is written anew without them, and without comments.
        tree = _unshared(data)
        for path, value in edits:
            _put(tree, path, value)
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        parse_policy(text, file=_NAME, environment=environment)
    return "".join(f"{_NOTE}{note}\n" for note in notes) + text


class _Change:
    """What differs between a policy and the one of a point."""

    def __init__(self, policy: Policy, rule: Rule, point: Point) -> None:
        changed, self._rule = applied(policy, rule, point)
        self._policy, self._old, self._place = policy, rule, policy.rules.index(rule)
        self._reading = {
            name: _differing(policy.models[name], reading(policy.models[name], point.tokens))
            for name in point.models
            if point.tokens is not None and changed.models[name] != policy.models[name]
        }
        others = (*policy.rules[: self._place], *policy.rules[self._place + 1 :])
        alone = policy.model_copy(update={"rules": others})
        shared = alone.used_models
        self._names = {
            name: _free(f"{name}-{point.tokens}", policy.models) if name in shared else name
            for name in self._reading
        }
        models = {**policy.models}
        for name, new in self._names.items():
            # Two models don't keep their matrices in one file.
            apart = {"file": None} if name != new and hasattr(changed.models[name], "file") else {}
            models[new] = changed.models[name].model_copy(update=apart)
        self._rule = self._rule.model_copy(
            update={"rerank": tuple(self._names.get(name, name) for name in self._rule.rerank)}
        )
        rules = (*policy.rules[: self._place], self._rule, *policy.rules[self._place + 1 :])
        self.expected = policy.model_copy(update={"models": models, "rules": rules})

    def edits(self, data: dict[str, Any]) -> Iterator[tuple[Path, object]]:
        """Yield what to put where in a policy file that holds `data`, as it is written there."""
        for name, new in self._names.items():
            written = (data.get("models") or {}).get(name)
            if written is not None and name == new:
                for key, tokens in self._reading[name].items():
                    yield ("models", name, key), tokens
                continue
            model = written or {"kind": self._policy.models[name].kind}
            copied = {key: value for key, value in model.items() if key != "file" or name == new}
            yield ("models", new), {**copied, **self._reading[name]}
        changes = dict(self._rule_changes())
        if not data.get("rules"):
            yield ("rules",), [_tree(changes)]
            return
        for path, value in changes.items():
            yield ("rules", self._place, *path), value

    def _rule_changes(self) -> Iterator[tuple[tuple[str, ...], object]]:
        old, new = self._old, self._rule
        if new.rerank != old.rerank:
            yield ("rerank",), list(new.rerank)
        if new.strategy != old.strategy:
            yield ("strategy",), new.strategy
        for key in ("max", "min"):  # what is added last stands first
            if (value := getattr(new.candidates, key)) != getattr(old.candidates, key):
                yield ("candidates", key), value
        if new.budget_ms != old.budget_ms:
            whole = new.budget_ms.is_integer()
            yield ("budget_ms",), int(new.budget_ms) if whole else new.budget_ms


def _differing(model: Model, keys: Mapping[str, int]) -> dict[str, int]:
    return {key: value for key, value in keys.items() if getattr(model, key) != value}


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "-"
    return name


def _tree(changes: Mapping[tuple[str, ...], object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in changes.items():
        _put(tree, path, value)
    return tree


def _unshared(value: Any) -> Any:
    """Return a tree in which nothing stands in two places, as what an anchor names does."""
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def _put(tree: Any, path: Path, value: object) -> None:
    """Put a value into a tree of mappings; those that its path lacks come in."""
    *way, last = path
    for step in way:
        if isinstance(tree, dict) and tree.get(step) is None:
            tree[step] = {}
        tree = tree[step]
    tree[last] = value

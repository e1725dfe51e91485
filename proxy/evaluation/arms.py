"""A midrank for every policy, each a process of its own, as in production but for what would leave traces.

A policy is served as it is written, except for where it listens and which store it asks; its models read
everything themselves, so caches, records, experiments and guards are out; what its rules would only watch
(`shadow`) is done.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import yaml

from proxy.errors import BadConfig, Mistake
from proxy.evaluation.child import free_port, python, running
from proxy.policy_file import load_policy, parse_policy
from proxy.scorers import locate_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.policy import Policy, Store

# What a policy of defaults is called.
DEFAULTS = "default"
# Parts of a policy that answer from memory, leave traces, or serve somebody else.
_LEFT_OUT = ("record", "feedback", "harm_guard", "rerank_api")
_LEFT_OUT_OF_RULES = ("cache", "experiment")


class Contender(NamedTuple):
    """A policy that is to be tried: its name, its file if it has one, what that holds, and the same read."""

    name: str
    file: Path | None
    document: dict[str, Any]
    policy: Policy


class Served(NamedTuple):
    """A midrank that runs: where it stands in for the store, and where it tells about itself."""

    contender: Contender
    store: Store
    url: str
    admin: str


class Place(NamedTuple):
    """Where a midrank is put: where it listens and tells about itself, in front of what, and see `served`."""

    listen: str
    admin: str
    store: Store
    upstream: str | None
    kept: Path | None


def contenders(files: Sequence[Path]) -> tuple[Contender, ...]:
    """Read policies; without any, that of defaults. Names are those of the files, as far as they differ.

    Raises:
        BadConfig: a policy is wrong, comes twice, or a model of it is not there.
    """
    if not files:
        return (_defaults(),)
    twice = [file for place, file in enumerate(files) if file in files[:place]]
    if twice:
        wanted = "each policy once"
        raise BadConfig(tuple(Mistake("(command line)", "--policy", str(file), wanted) for file in twice))
    policies = [load_policy(file) for file in files]
    for policy in policies:
        locate_models(policy)
    stems = [file.stem for file in files]
    names = [stem if stems.count(stem) == 1 else str(file) for stem, file in zip(stems, files, strict=True)]
    documents = [yaml.safe_load(file.read_bytes()) for file in files]
    return tuple(map(Contender, names, files, documents, policies))


def store_of(contender: Contender, name: str | None) -> Store:
    """Return the store of a name, or the only one.

    Raises:
        BadConfig: there is no such store, or there are several.
    """
    stores = contender.policy.stores
    chosen = [store for store in stores if name in (None, store.name)]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(store.name for store in stores) or "none"
    file = str(contender.file or "(default)")
    raise BadConfig((Mistake(file, "--store", name or "missing", f"one of the policy's stores: {known}"),))


@contextmanager
def served(contender: Contender, store: Store, upstream: str | None, kept: Path | None) -> Iterator[Served]:
    """Run midrank by a policy while the block runs, once its models are ready.

    It stands in front of its `store`, or in front of a Chroma server at `upstream` in place of it, which it
    calls by the same name. What its models learn about documents is `kept` in files that begin like this, and
    found again, or forgotten.

    Raises:
        NotStarted: it ended, or wasn't ready in time.
    """
    listen, admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with TemporaryDirectory(prefix="midrank-eval-") as folder:
        policy = Path(folder, "policy.yaml")
        document = tried(contender, Place(listen, admin, store, upstream, kept))
        # JSON is YAML; what stands for variables is still filled in from the environment, by the child.
        policy.write_bytes(orjson.dumps(document))
        command = python("-m", "proxy", "run", "--policy", str(policy), "--log-level", "warning")
        quiet = {"OTEL_SDK_DISABLED": "true"}
        name = f"midrank with {contender.name}"
        with running(name, command, Path(folder, "log"), f"http://{admin}/warm", quiet):
            yield Served(contender, store, f"http://{listen}", f"http://{admin}")


def tried(contender: Contender, place: Place) -> dict[str, Any]:
    """Return what a policy's file would hold to be tried."""
    document = {key: value for key, value in contender.document.items() if key not in _LEFT_OUT}
    models = document.get("models") or {"default": {"kind": "late_interaction"}}
    return {
        **document,
        "stores": [_store(contender, place)],
        "models": {name: _with_own_file(model, place.kept) for name, model in models.items()},
        "rules": [_done(rule) for rule in document.get("rules") or [{}]],
        "cache": {"memory_mb": 0},
        "admin": place.admin,
    }


def _store(contender: Contender, place: Place) -> dict[str, Any]:
    if place.upstream is not None:
        name, upstream = place.store.name, place.upstream
        return {"kind": "chroma", "name": name, "listen": place.listen, "upstream": upstream}
    written: dict[str, Any] = contender.document["stores"][contender.policy.stores.index(place.store)]
    return {**written, "listen": place.listen}


def _with_own_file(model: dict[str, Any], kept: Path | None) -> dict[str, Any]:
    """Return a model with a file of ours for what it knows about documents: the other is a server's."""
    if model["kind"] != "late_interaction":
        return model
    rest = {key: value for key, value in model.items() if key != "file"}
    if kept is None:
        return rest
    digest = hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    return {**rest, "file": f"{kept}-{digest}"}


def _done(rule: dict[str, Any] | None) -> dict[str, Any]:
    """Return a rule that does what it would only watch."""
    kept = {key: value for key, value in (rule or {}).items() if key not in _LEFT_OUT_OF_RULES}
    return {**kept, "mode": "on"} if kept.get("mode") == "shadow" else kept


def _defaults() -> Contender:
    document = {"stores": [{"kind": "chroma", "listen": "127.0.0.1:0", "upstream": "http://127.0.0.1:8000"}]}
    policy = parse_policy(orjson.dumps(document).decode(), file="(default)", environment=os.environ)
    return Contender(DEFAULTS, None, document, policy)

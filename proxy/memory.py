"""How the memory that a process may take is divided: code and models come first, caches share the rest.

A sidecar that takes more than its container has is killed together with the requests it holds; so what would
not fit is cut down before anything is built.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proxy.errors import BadConfig, Mistake
from proxy.policy import CrossEncoderOnnxModel, LateInteractionModel
from proxy.scoring.cgroups import memory_limit
from proxy.scoring.model_files import BUILT_IN_MODEL, locate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxy.policy import Policy

    # Figures by what tells them apart.
    Steps = Iterator[tuple[tuple[str, ...], Mapping[str, float]]]

MB = 2**20
# Measured: a process without a local model takes 120 MB; requests, spans and threads at work take the others.
PROCESS_MB = 160
# A graph takes 1.3 times its file once loaded, tokenizer and buffers included (24 MB: 38; 90 MB: 116); 8 bit
# weights are a quarter of the file that they are made from, and a little.
GRAPH_FACTOR = 1.3
INT8_SHARE = 0.28
# What a cache must have to be of use, and the least that a policy may give it.
LEAST_MB = 8
# Share of a container's limit that is used if the policy names none: pages of files count there too.
CONTAINER_SHARE = 0.9

_log = logging.getLogger(__name__)


class Division(NamedTuple):
    """What is needed besides, and who gets how many MB."""

    needed: int
    shares: Mapping[str, int]


def limit_of(policy: Policy, root: Path = Path("/")) -> int | None:
    """Return the MB that the process may take, by its policy or by its container; None: no limit."""
    if policy.memory_limit_mb is not None:
        return policy.memory_limit_mb
    container = memory_limit(root)
    return None if container is None else int(container / MB * CONTAINER_SHARE)


def divide(policy: Policy, limit: int | None) -> Division:
    """Say who gets how much of `limit` MB: as much as the policy gives them, or shares of what there is.

    Raises:
        BadConfig: not even the least fits.
    """
    wishes = shares_of(policy)
    needed = PROCESS_MB + sum(_loaded_mb(policy, name) for name in policy.used_models)
    total = sum(wishes.values())
    if limit is None or needed + total <= limit:
        return Division(needed, wishes)
    room = limit - needed
    if room < LEAST_MB * len(wishes):
        least = needed + LEAST_MB * len(wishes)
        raise BadConfig((_too_little(limit, least, of_container=policy.memory_limit_mb is None),))
    # Each gets the least, and of the rest as much as its part in all wishes.
    spare, wanted = room - LEAST_MB * len(wishes), max(1, total - LEAST_MB * len(wishes))
    shares = {
        name: LEAST_MB + int(spare * (wish - LEAST_MB) / wanted) if wish > LEAST_MB else wish
        for name, wish in wishes.items()
    }
    return Division(needed, shares)


def followed(policy: Policy, root: Path = Path("/")) -> Policy:
    """Return a policy as it can be followed in the memory there is: every memory_mb fits, the limit is named.

    Reads sizes of files. What is cut down is logged.

    Raises:
        BadConfig: not even the least fits.
    """
    limit = limit_of(policy, root)
    shares = divide(policy, limit).shares
    for name, wish in shares_of(policy).items():
        if shares[name] < wish:
            cut = {"memory_mb": shares[name], "instead_of": wish, "limit_mb": limit}
            _log.warning("memory is short", extra={"share": name, **cut})
    models = {
        name: model.model_copy(update={"memory_mb": shares[_of_model(name)]})
        if isinstance(model, LateInteractionModel) and _of_model(name) in shares
        else model
        for name, model in policy.models.items()
    }
    cache = policy.cache.model_copy(update={"memory_mb": shares.get("cache", policy.cache.memory_mb)})
    return policy.model_copy(update={"memory_limit_mb": limit, "models": models, "cache": cache})


def limit_figures(policy: Policy) -> Steps:
    """Tell the limit of a policy that is followed, in bytes; nothing where there is none."""
    if policy.memory_limit_mb is not None:
        yield (), {"limit": float(policy.memory_limit_mb * MB)}


def share_figures(policy: Policy) -> Steps:
    """Tell what each cache of a policy may take, in bytes, by the name of its share."""
    for name, share in shares_of(policy).items():
        yield (name,), {"share": float(share * MB)}


def _too_little(limit: int, least: int, *, of_container: bool) -> Mistake:
    """Say what to raise: the policy's limit, or the container's, of which `limit` and `least` are a share."""
    if not of_container:
        return Mistake("(policy)", "memory_limit_mb", f"{limit} MB", f"{least} MB or more here")
    there, enough = round(limit / CONTAINER_SHARE), math.ceil(least / CONTAINER_SHARE)
    told = f"{there} MB, of which {CONTAINER_SHARE:.0%} are used"
    return Mistake("(container)", "memory limit", told, f"{enough} MB or more here")


def shares_of(policy: Policy) -> Mapping[str, int]:
    """Return the MB that each cache of a policy may take, by the name of its share."""
    models = {
        _of_model(name): model.memory_mb
        for name in policy.used_models
        if isinstance(model := policy.models[name], LateInteractionModel)
    }
    keeps = any(scoring.cache.exact != "off" for scoring in policy.scorings)
    return {**models, **({"cache": policy.cache.memory_mb} if keeps and policy.cache.memory_mb else {})}


def _of_model(name: str) -> str:
    return f"models.{name}"


def _loaded_mb(policy: Policy, name: str) -> int:
    """Return what a model takes once it is loaded; 0 where it runs elsewhere, or is not there."""
    model = policy.models[name]
    match model:
        case LateInteractionModel():
            source = BUILT_IN_MODEL
        case CrossEncoderOnnxModel():
            source = model.model
        case _:
            return 0
    try:
        files = locate(source)
    except BadConfig:
        return 0  # told by whoever loads it
    if (shipped := files.shipped(model.precision)) is not None:
        size = shipped.stat().st_size
    else:
        share = INT8_SHARE if model.precision == "int8" else 1.0
        size = int(files.weights.stat().st_size * share) if files.weights.is_file() else 0
    return -(-int(size * GRAPH_FACTOR) // MB)

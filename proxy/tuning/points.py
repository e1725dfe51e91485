"""Settings to try: which models, how many candidates, how much of each is read, within how much time."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter, ValidationError

from proxy.errors import BadConfig, Mistake
from proxy.policy import Candidates, Model, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxy.policy import Policy

# Tokens at which a cheaper reading is tried where nobody says what to try.
_SHORT = 128
# What a rule may be set to, see `Candidates`.
_MOST_ROWS = 1000
# From what costs least to what costs most, as far as the kind tells.
_KINDS = ("late_interaction", "cross_encoder_onnx", "cross_encoder_torch", "remote", "llm")
_MODEL: TypeAdapter[Model] = TypeAdapter(Model)


class Tokens(NamedTuple):
    """How much is read: `max_tokens`, and `min_tokens` of models that have it where it is given."""

    most: int
    least: int | None = None

    def __str__(self) -> str:
        """Read as it is written on the command line."""
        return f"{self.most}" if self.least is None else f"{self.most}:{self.least}"


class Point(NamedTuple):
    """One setting of a rule; without `tokens` the models read as much as the policy says."""

    models: tuple[str, ...]
    depth: int
    tokens: Tokens | None
    budget_ms: float


class Grid(NamedTuple):
    """What to try, each with each; what is empty is left to the policy."""

    tiers: tuple[tuple[str, ...], ...] = ()
    depths: tuple[int, ...] = ()
    tokens: tuple[Tokens, ...] = ()
    budgets_ms: tuple[float, ...] = ()

    def depths_for(self, rule: Rule, limit: int) -> tuple[int, ...]:
        """Return the depths to try: where none are given, those around what the rule has for a page."""
        own = rule.candidates.window(limit)
        return self.depths or (max(2, own // 2), own, min(2 * own, _MOST_ROWS))


def points(policy: Policy, rule: Rule, grid: Grid, *, limit: int, longest: int) -> tuple[Point, ...]:
    """Return the points of a grid, the cheapest first as far as can be told; none does the same as another.

    `limit` is the page that applications ask for, `longest` the most candidates of a case. What the grid
    leaves open: every model alone and the rule's own; the rule's depth, half and double of it; the models'
    own reading and one of 128 tokens; the rule's budget and half of it.

    Raises:
        BadConfig: a model is not in the policy, or can't be set so.
    """
    tiers = grid.tiers or tuple(dict.fromkeys((*((name,) for name in policy.models), rule.rerank)))
    unknown = [name for tier in tiers for name in tier if name not in policy.models]
    if unknown:
        allowed = f"names under `models`: {', '.join(policy.models)}"
        raise BadConfig((Mistake("(command line)", "--tiers", ", ".join(unknown), allowed),))
    depths = {max(1, min(one, longest)) for one in grid.depths_for(rule, limit)}
    own = rule.budget_ms
    budgets = sorted(grid.budgets_ms or (own / 2, own))
    found: dict[object, Point] = {}
    for tier, tokens, depth, budget in product(
        sorted(tiers, key=lambda tier: _cost(policy, tier)),
        sorted(grid.tokens, key=lambda one: (one.most, one.least or 0)) or (Tokens(_SHORT), None),
        sorted(depths),
        budgets,
    ):
        if tokens is not None and not grid.tokens and not _shortens(policy, tier, tokens):
            continue
        point = Point(tier, depth, tokens, budget)
        changed, changed_rule = applied(policy, rule, point)
        models = tuple(changed.models[name] for name in tier)
        # A reading that the policy has anyway is told as the policy's.
        if models == tuple(policy.models[name] for name in tier):
            point = point._replace(tokens=None)
        found.setdefault((models, changed_rule), point)
    return tuple(found.values())


def applied(policy: Policy, rule: Rule, point: Point) -> tuple[Policy, Rule]:
    """Return the policy with the models of a point, and the rule with the rest of it.

    Raises:
        BadConfig: a model can't read so many tokens.
    """
    strategy = rule.strategy if point.models == rule.rerank else "fit"
    candidates = Candidates.model_validate({**dict(rule.candidates), "min": point.depth, "max": point.depth})
    changes = {"candidates": candidates, "budget_ms": point.budget_ms}
    changed = Rule.model_validate({**dict(rule), "rerank": point.models, "strategy": strategy, **changes})
    models = {**policy.models, **dict(_reading(policy, point))}
    return policy.model_copy(update={"models": models}), changed


def reading(model: Model, tokens: Tokens) -> dict[str, int]:
    """Return the keys of a model that make it read so much."""
    keys = {"max_tokens": tokens.most}
    if model.kind == "cross_encoder_onnx":
        least = tokens.least if tokens.least is not None else model.min_tokens
        if least is not None:
            keys["min_tokens"] = min(least, tokens.most)
    return keys


def _reading(policy: Policy, point: Point) -> Iterator[tuple[str, Model]]:
    """Yield the models that read otherwise at a point, as they do there."""
    if point.tokens is None:
        return
    for name in point.models:
        model = policy.models[name]
        try:
            yield name, _MODEL.validate_python({**dict(model), **reading(model, point.tokens)})
        except ValidationError as error:
            what = error.errors(include_url=False)[0]["msg"]
            raise BadConfig(
                (Mistake("(command line)", "--tokens", str(point.tokens), f"for models.{name}: {what}"),)
            ) from error


def _shortens(policy: Policy, tier: Sequence[str], tokens: Tokens) -> bool:
    """Say whether some model would read less than it does, and none more."""
    own = [policy.models[name].max_tokens for name in tier]
    return max(own) > tokens.most <= min(own)


def _cost(policy: Policy, tier: Sequence[str]) -> tuple[int, int]:
    return max(_KINDS.index(policy.models[name].kind) for name in tier), len(tier)

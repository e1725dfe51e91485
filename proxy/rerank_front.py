"""The rerank API as the policy describes it: its listener, its service, and who scores for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.listeners.rerank_api import RerankApiListener
from proxy.rerank_api.gate import Gate
from proxy.rerank_api.scale import scale_of
from proxy.rerank_api.service import NAME, RerankService
from proxy.scopes import Scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.policy import Policy
    from proxy.pulse import Pulse
    from proxy.scoring.ranker import Ranker
    from proxy.telemetry import Telemetry


def rerank_listener(
    policy: Policy,
    ranker: Ranker,
    *,
    states: Callable[[], Mapping[str, str]],
    telemetry: Telemetry,
    pulse: Pulse,
    secret: bytes,
) -> RerankApiListener:
    """Return what answers the rerank API of a policy that has one; `states` are those of its models."""
    settings = policy.rerank_api
    assert settings is not None, "asked before"
    scales = {name: scale_of(policy.models[name]) for name in settings.rerank}
    if settings.strategy == "cascade":
        # Its scores are the last model's, dealt out along the order that all of them have made.
        scales[ranker.scorer_name] = scales[settings.rerank[-1]]
    service = RerankService(
        settings,
        ranker,
        scales=scales,
        scopes=Scopes(NAME, policy.cache, secret),
        telemetry=telemetry,
        pulse=pulse,
        text=policy.telemetry.text,
    )
    return RerankApiListener(settings.listen, Gate(settings, states), service)

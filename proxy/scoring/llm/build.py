"""From the policy's words about a large language model to a scorer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from proxy.errors import BadConfig
from proxy.scoring.llm.anthropic import AnthropicMessages
from proxy.scoring.llm.chat import Asking
from proxy.scoring.llm.listwise import Listwise
from proxy.scoring.llm.llm import Limits, Llm
from proxy.scoring.llm.openai_chat import OpenAiChat
from proxy.scoring.llm.pointwise import Pointwise
from proxy.scoring.llm.prompts import load_prompt
from proxy.scoring.llm.scorer import LlmScorer, Reading
from proxy.scoring.llm.spending import Prices
from proxy.scoring.remote.api_key import ApiKey
from proxy.scoring.remote.http import RemoteHttp

if TYPE_CHECKING:
    from proxy.errors import Mistake
    from proxy.policy_llm import LlmModel
    from proxy.scoring.llm.chat import ChatApi
    from proxy.scoring.llm.methods import Method


def llm_scorer(name: str, model: LlmModel) -> LlmScorer:
    """Return the scorer that a model of the policy describes; it reads and opens nothing yet."""
    asking = Asking(model.model, model.structured, model.temperature, model.max_output_tokens)
    llm = Llm(
        _api(model, asking),
        model.url,
        RemoteHttp(ca_file=model.ca_file, max_connections=model.concurrency),
        ApiKey(model.api_key, model.api_key_file, time.monotonic),
        name=name,
        limits=Limits(model.concurrency, model.timeout_s, model.max_output_tokens),
        prices=Prices(model.prices.input, model.prices.output) if model.prices is not None else Prices(),
    )
    source = repr((model.api, model.url, asking))
    return LlmScorer(
        llm, _method(model), name=name, source=source, reading=Reading(model.prompt_file, model.max_tokens)
    )


def prompt_mistakes(name: str, model: LlmModel) -> tuple[Mistake, ...]:
    """Return what is wrong with a model's prompt, before its start finds out. Blocks."""
    try:
        load_prompt(_method(model).prompt, model.prompt_file, key=f"models.{name}.prompt_file")
    except BadConfig as error:
        return error.mistakes
    return ()


def _api(model: LlmModel, asking: Asking) -> ChatApi:
    if model.api == "anthropic":
        return AnthropicMessages(asking)
    return OpenAiChat(asking, output_limit=model.output_limit)


def _method(model: LlmModel) -> Method:
    if model.method == "pointwise":
        return Pointwise(model.scale, model.concurrency)
    return Listwise(model.window, model.stride)

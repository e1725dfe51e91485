"""The policy's part about large language models as rerankers: offline, or where volumes are low."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from proxy.policy_base import Strict
from proxy.policy_breaker import ModelSettings
from proxy.policy_remote import Key, Url, check_key


class LlmPrices(Strict):
    """What a million tokens cost, in whatever currency; cached ones count in full."""

    input: float = Field(ge=0, le=1e6, description="Price of a million tokens of prompts.")
    output: float = Field(
        ge=0, le=1e6, description="Price of a million tokens of answers, thoughts included."
    )


class LlmModel(ModelSettings):
    """A chat model that is asked to rank: takes seconds, costs money. For offline work and low volumes."""

    kind: Literal["llm"] = Field(description="What reranks.")
    api: Literal["openai", "anthropic"] = Field(
        description="openai: Chat Completions, as most servers speak it; anthropic: Messages."
    )
    url: Url = Field(description="The API's base: `/chat/completions` or `/v1/messages` is added to it.")
    model: str = Field(min_length=1, description="The model's name there.")
    api_key: Key | None = Field(None, description="Its key; take it from the environment.")
    api_key_file: str | None = Field(
        None, description="File that holds the key, in place of api_key; read again when it changes."
    )
    ca_file: str | None = Field(None, description="Certificates to trust, PEM; the system's by default.")
    method: Literal["listwise", "pointwise"] = Field(
        "listwise",
        description="listwise: windows of the list are put in order; pointwise: every text gets a grade in a "
        "call of its own.",
    )
    window: int = Field(20, ge=2, le=100, description="Texts that are put in order by one call.")
    stride: int = Field(10, ge=1, le=99, description="Texts by which a window moves up: below `window`.")
    scale: Literal["points", "labels"] = Field(
        "points", description="Pointwise grades. points: 0 to 10; labels: no, partly, mostly, yes."
    )
    max_tokens: int = Field(
        512, ge=16, le=32768, description="Tokens read of each document and of the query, about."
    )
    prompt_file: str | None = Field(
        None, description="A prompt of your own, see llm-rerankers.md; none: the one that is built in."
    )
    structured: Literal["schema", "tool", "off"] = Field(
        "schema",
        description="How the form of answers is enforced: by a JSON schema, by a tool's arguments, or by the "
        "prompt alone, for servers that know neither.",
    )
    temperature: float | None = Field(
        0,
        ge=0,
        le=2,
        description="Sent as it is; null sends none, for models that take no other than theirs.",
    )
    max_output_tokens: int = Field(
        1024, ge=16, le=131072, description="Tokens of an answer; models that think first need more."
    )
    output_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens",
        description="openai: the name of that limit; OpenAI's reasoning models want the longer one.",
    )
    concurrency: int = Field(4, ge=1, le=256, description="Calls at once, of all searches together.")
    timeout_s: float = Field(
        60, gt=0, le=3600, description="Seconds for one call, if the budget allows as much."
    )
    prices: LlmPrices | None = Field(
        None, description="What it costs, for the figures and `midrank rerank --max-cost`."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> LlmModel:
        if self.stride >= self.window:
            raise ValueError(
                f"stride (by default 10) is {self.stride}, should be below window, {self.window}"
            )
        check_key(self.api_key, self.api_key_file, (self.url,))
        return self

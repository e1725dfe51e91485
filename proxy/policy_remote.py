"""The policy's part about rerankers behind an HTTP API."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from proxy.policy_base import base_url
from proxy.policy_breaker import ModelSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a header may hold, and what keys are made of.
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")

DialectName = Literal[
    "cohere_v1",
    "cohere_v2",
    "jina",
    "voyage",
    "mixedbread",
    "pinecone",
    "tei",
    "vllm",
    "infinity",
    "localai",
    "xinference",
    "llama_cpp",
]
# Those with a place of their own, and a choice of models.
HOSTED: frozenset[DialectName] = frozenset(
    ("cohere_v1", "cohere_v2", "jina", "voyage", "mixedbread", "pinecone")
)
# Those that serve the one model they were started with, whatever it is called.
_ONE_MODEL: frozenset[DialectName] = frozenset(("tei", "llama_cpp"))


def _url(value: str) -> str:
    return base_url(value, like="https://rerank.example.com", instead="the key goes into api_key")


def _key(secret: SecretStr) -> SecretStr:
    if not _KEY.fullmatch(secret.get_secret_value()):
        raise ValueError("should be one line of printable ASCII, without spaces")
    return secret


Url = Annotated[str, AfterValidator(_url)]
Key = Annotated[SecretStr, AfterValidator(_key)]


class RemoteModel(ModelSettings):
    """A reranker behind an HTTP API, hosted or one's own; texts leave this machine for it."""

    kind: Literal["remote"] = Field(description="What reranks.")
    dialect: DialectName = Field(description="Which API it speaks.")
    url: Url | None = Field(
        None, description="Its base URL; a hosted API's own by default. The dialect's path is added to it."
    )
    urls: tuple[Url, ...] = Field(
        (), description="Several base URLs of the same model, in place of url: the least busy one is asked."
    )
    model: str = Field("", max_length=256, description="The model's name there.")
    api_key: Key | None = Field(None, description="Its key; take it from the environment.")
    api_key_file: str | None = Field(
        None, description="File that holds the key, in place of api_key; read again when it changes."
    )
    ca_file: str | None = Field(None, description="Certificates to trust, PEM; the system's by default.")
    max_tokens: int = Field(
        512, ge=16, le=32768, description="Tokens sent of each text, about: four bytes each."
    )
    max_batch: int | None = Field(
        None, ge=1, le=1000, description="Texts of one call; what the dialect allows by default."
    )
    concurrency: int = Field(8, ge=1, le=512, description="Calls at once; more wait, or are refused.")
    pointwise: bool = Field(
        True,
        description="Whether a text's score does not depend on the others that are sent along with it; false "
        "for models that read the whole list.",
    )
    retry_share: float = Field(0.1, ge=0, le=0.5, description="Share of the calls that may be made twice.")
    hedge: bool = Field(
        False, description="Ask once more where an answer takes longer than 19 of 20; the first one counts."
    )
    hedge_share: float = Field(
        0.05, gt=0, le=0.2, description="Share of the calls that may be hedged: what it may cost more."
    )

    @model_validator(mode="after")
    def _consistent(self) -> RemoteModel:
        if self.url is not None and self.urls:
            raise ValueError("url and urls are two ways to say the same: give one of them")
        if not self.every_url and self.dialect not in HOSTED:
            raise ValueError(f"{self.dialect} is hosted nowhere: url should say where it is")
        if not self.model and self.dialect not in _ONE_MODEL:
            raise ValueError(f"{self.dialect} needs the name of a model")
        check_key(self.api_key, self.api_key_file, self.every_url)
        return self

    @property
    def every_url(self) -> tuple[str, ...]:
        """The base URLs that the policy names; none for a hosted API's own."""
        return (self.url,) if self.url is not None else self.urls


def check_key(api_key: SecretStr | None, api_key_file: str | None, urls: Sequence[str]) -> None:
    """See that there is one key at most, and that it is sent to nobody who can't keep it.

    Raises:
        ValueError: there are two, or somebody could read it on the way.
    """
    if api_key is not None and api_key_file is not None:
        raise ValueError("api_key and api_key_file are two ways to say the same: give one of them")
    has_key = api_key is not None or api_key_file is not None
    if has_key and not all(map(_keeps_secrets, urls)):
        raise ValueError("an API key is sent by https only, or to this machine: url is http")


def _keeps_secrets(url: str) -> bool:
    """Say whether what is sent there can be read by nobody on the way."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False

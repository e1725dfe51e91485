"""The policy's part about caches: where scores are kept, and when an earlier query's may be used."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from proxy.cache.redis_settings import check_files, read_url
from proxy.policy_base import Strict

# Fewer could be tried out by whoever sees a digest.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _redis_url(value: str) -> str:
    read_url(value)
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("should be the name of a header")
    return value.lower()


def _exact(value: object) -> object:
    # YAML 1.1, which PyYAML speaks, reads a bare `off` as false.
    return {True: "shared", False: "off"}.get(value, value) if isinstance(value, bool) else value


ScopePart = Literal["tenant", "credentials", "filter"]
GuardName = Literal[
    "length",
    "language",
    "numbers",
    "units",
    "dates",
    "quoted",
    "identifiers",
    "negation",
    "opposites",
    "names",
    "question",
    "tense",
    "order",
    "reference",
    "content",
]


def _semantic(value: object) -> object:
    # `off` and `on` are what people write first.
    return {True: {}, False: None}.get(value, value) if isinstance(value, bool) else value


HeaderName = Annotated[str, AfterValidator(_header)]


class RedisSettings(Strict):
    """A Redis that all replicas share; a dead one is as good as none."""

    url: Annotated[str, AfterValidator(_redis_url)] = Field(
        repr=False,
        description="redis://HOST:PORT/DB, redis+cluster://HOST:PORT,HOST:PORT, "
        "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB, with rediss for TLS; or unix:///PATH.",
    )
    username: str | None = Field(
        None,
        description="ACL user. Enough for it is `~PREFIX:* +mget +getrange +set +expire +unlink +pttl +xadd "
        "+xrange +xrevrange +xtrim`.",
    )
    password: SecretStr | None = Field(None, description="Password; take it from the environment.")
    sentinel_username: str | None = Field(
        None, description="ACL user of the sentinels, if they have their own."
    )
    sentinel_password: SecretStr | None = Field(None, description="Password of the sentinels.")
    prefix: str = Field(
        "midrank", pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="What all keys begin with."
    )
    timeout_ms: float = Field(
        5, gt=0, le=1000, description="Milliseconds that a search waits for Redis; later is a miss."
    )
    sync_seconds: float = Field(
        1,
        ge=0.05,
        le=60,
        description="Seconds between two looks for what other replicas have learnt or cleared.",
    )
    ca_file: str | None = Field(None, description="Certificates to trust, PEM; the system's by default.")
    cert_file: str | None = Field(None, description="Certificate to present, PEM.")
    key_file: str | None = Field(None, description="Its key, PEM.")

    @model_validator(mode="after")
    def _files_of_use(self) -> RedisSettings:
        check_files(read_url(self.url), self.ca_file, self.cert_file, self.key_file)
        return self


class CacheSettings(Strict):
    """Where scores are kept."""

    memory_mb: int = Field(
        64, ge=0, le=65536, description="Memory for scores, in the process; 0 without Redis: keep none."
    )
    ttl_s: float = Field(3600, ge=1, le=2592000, description="Seconds that a score is kept.")
    near_queries: int = Field(
        10_000,
        ge=100,
        le=1_000_000,
        description="Queries remembered for the semantic cache; each takes 1.2 KB with 384 dimensions.",
    )
    redis: RedisSettings | None = Field(None, description="Keep scores in Redis too, for all replicas.")
    tenant_headers: tuple[HeaderName, ...] = Field(
        ("x-tenant-id",), description="Headers that say for which tenant a request is."
    )
    credential_headers: tuple[HeaderName, ...] = Field(
        ("authorization", "api-key", "x-api-key", "x-chroma-token", "cookie", "proxy-authorization"),
        description="Headers that hold credentials; only a digest of them is kept.",
    )

    @property
    def kept(self) -> bool:
        """Whether there is any place for scores."""
        return self.memory_mb > 0 or self.redis is not None


class Semantic(Strict):
    """When a query may be scored as an earlier one in other words."""

    threshold: float = Field(0.95, ge=0.5, le=1, description="Least cosine of the two queries' vectors.")
    min_coverage: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Share of the candidates whose scores must be known; with less, the search is scored as "
        "asked, unless there is only time to complete the other.",
    )
    scope: tuple[ScopePart, ...] = Field(
        ("tenant", "credentials"),
        description="What, beside store, collection and model, must be the same for both; empty: a public "
        "corpus.",
    )
    skip_guards: tuple[GuardName, ...] = Field(
        (), description="Guards to do without, see semantic-cache.md; `content` is the strictest."
    )
    embed: bool = Field(
        False, description="Embed queries that come without a vector, with the built-in model; else no reuse."
    )
    audit: float = Field(0.02, ge=0, le=1, description="Share of the hits that is scored again, afterwards.")
    max_false_hit_rate: float = Field(
        0.01, gt=0, le=0.5, description="Share of audited hits that may be false before the threshold rises."
    )


class RuleCache(Strict):
    """What is kept of a rule's searches, and what is used again."""

    exact: Annotated[Literal["shared", "scoped", "off"], BeforeValidator(_exact)] = Field(
        "shared",
        description="shared: scores are used again for whoever asks the same of the same text; scoped: only "
        "for the same tenant and credentials; off: no scores are kept.",
    )
    semantic: Annotated[Semantic | None, BeforeValidator(_semantic)] = Field(
        None,
        description="Use scores of earlier queries in other words; off by default, `{}` for the defaults.",
    )

    @model_validator(mode="after")
    def _kept(self) -> RuleCache:
        if self.exact == "off" and self.semantic is not None:
            raise ValueError("semantic needs the scores that exact keeps, which is off")
        if self.exact == "scoped" and self.semantic is not None:
            shared = {"tenant", "credentials"} - set(self.semantic.scope)
            if shared:
                raise ValueError(
                    f"scoped scores are apart by {' and '.join(sorted(shared))}: semantic.scope must be, too"
                )
        return self

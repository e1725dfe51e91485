"""The policy: how to rank, as frozen values that have been checked.

A policy is plain data. `policy_file` reads it from YAML; everything here can be built and compared in tests
without a file. The first rule that matches a search's store and collection decides; without a matching rule
the search passes.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from proxy.policy_admin import Admin
from proxy.policy_base import Address, Secret, Strict, base_url
from proxy.policy_breaker import Breaker, BreakerSettings, ModelSettings
from proxy.policy_cache import CacheSettings
from proxy.policy_evidence import Experiment, Feedback, HarmGuard, Record
from proxy.policy_limits import Limits
from proxy.policy_llm import LlmModel
from proxy.policy_remote import RemoteModel
from proxy.policy_rerank_api import RerankApi
from proxy.policy_scoring import Scored, Scoring
from proxy.policy_telemetry import TelemetrySettings
from proxy.policy_torch import CrossEncoderTorchModel

Mode = Literal["on", "shadow", "off"]


def _mode(value: object) -> object:
    # YAML 1.1, which PyYAML speaks, reads a bare `on` as true and `off` as false.
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _upstream(value: str) -> str:
    return base_url(value, like="http://127.0.0.1:8000", instead="the app's own headers are passed on")


def _chroma_field(value: str) -> str:
    if value != "document" and not value.startswith("metadata."):
        raise ValueError("should be document or metadata.KEY")
    return value


UpstreamUrl = Annotated[str, AfterValidator(_upstream)]


class Text(Strict):
    """Where the text of a collection's documents is."""

    fields: tuple[str, ...] = Field(
        (), description="Paths into the payload, in order; empty: detect the usual ones."
    )
    join: str = Field("\n", description="What stands between several fields.")


class ChromaText(Text):
    """Where the text of a Chroma collection's documents is."""

    fields: tuple[Annotated[str, AfterValidator(_chroma_field)], ...] = Field(
        (), description="`document` and `metadata.KEY`, in order; empty: detect the usual ones."
    )


class _Store(Strict):
    name: str = Field("", description="The store's name in rules and telemetry; its kind by default.")
    listen: Address = Field(description="HOST:PORT to listen on; the app connects here.")
    upstream: UpstreamUrl = Field(description="The store's own URL.")
    timeout_s: float = Field(300, gt=0, le=86400, description="Longest silence of the store, in seconds.")


class ChromaStore(_Store):
    """A Chroma server, HTTP API v2."""

    kind: Literal["chroma"] = Field(description="The store's protocol.")
    text: dict[str, ChromaText] = Field(
        default_factory=dict, description="Text fields by collection glob; the first match counts."
    )


class QdrantStore(_Store):
    """A Qdrant server, REST API."""

    kind: Literal["qdrant"] = Field(description="The store's protocol.")
    text: dict[str, Text] = Field(
        default_factory=dict, description="Text fields by collection glob; the first match counts."
    )
    batch: bool = Field(
        False, description="Rerank batches of several searches too; some clients fuse the parts themselves."
    )
    prefetch_overfetch: bool = Field(
        False,
        description="Raise the limits of prefetches along with the limit, so that fusion has more to fuse. "
        "Its scores change with that, and so does the order that is fallen back to.",
    )
    rescored_prefetch: bool = Field(
        False, description="Rerank searches that already rescore their prefetches inside the store."
    )


Store = Annotated[ChromaStore | QdrantStore, Field(discriminator="kind")]


class _Local(ModelSettings):
    precision: Literal["int8", "fp32"] = Field("int8", description="Number format of the model's weights.")
    threads: int = Field(0, ge=0, le=256, description="Threads of the model; 0: what the CPU quota allows.")
    isolation: Literal["thread", "process"] = Field(
        "thread", description="Where the model runs; in a process of its own a crash of it costs no request."
    )
    long_texts: Literal["truncate", "chunk_max"] = Field(
        "truncate",
        description="Of a document above max_tokens read the start, or all in windows: the best one counts.",
    )
    max_document_tokens: int = Field(
        1024, ge=16, le=65536, description="Tokens read of one document with chunk_max."
    )
    max_tokens: int

    @property
    def windows(self) -> int:
        """The most windows that are read of a document."""
        return 1 if self.long_texts == "truncate" else -(-self.max_document_tokens // self.max_tokens)


class LateInteractionModel(_Local):
    """MaxSim over token embeddings of all-MiniLM-L6-v2; needs no download."""

    kind: Literal["late_interaction"] = Field(description="What reranks.")
    max_tokens: int = Field(256, ge=16, le=512, description="Tokens read of each document.")
    memory_mb: int = Field(256, ge=8, le=65536, description="Memory for token matrices of known documents.")
    pooling: int = Field(2, ge=1, le=8, description="Neighbouring tokens merged into one vector; 1: none.")
    file: str | None = Field(None, description="Where to keep token matrices across restarts.")


class CrossEncoderOnnxModel(_Local):
    """A Hugging Face sequence-classification reranker on ONNX Runtime."""

    kind: Literal["cross_encoder_onnx"] = Field(description="What reranks.")
    model: str = Field(min_length=1, description="Local directory or hub id.")
    max_tokens: int = Field(256, ge=16, le=8192, description="Tokens read of query and document together.")
    min_tokens: int | None = Field(
        None,
        ge=16,
        le=8192,
        description="Where time is too short for at_least candidates, read this many tokens of each instead; "
        "none: never read less than max_tokens.",
    )
    max_search_tokens: int = Field(
        65536, ge=512, le=1048576, description="Tokens read for one search, queries included."
    )


Model = Annotated[
    LateInteractionModel | CrossEncoderOnnxModel | CrossEncoderTorchModel | RemoteModel | LlmModel,
    Field(discriminator="kind"),
]


class Match(Strict):
    """Which searches a rule is for, by globs."""

    store: str = Field("*", description="Glob over store names.")
    collection: str = Field("*", description="Glob over collection names.")


class Candidates(Strict):
    """How many rows are reranked: factor x limit, between min and max. A larger page is fetched whole."""

    min: int = Field(20, ge=1, le=1000, description="Fewest rows to rerank.")
    max: int = Field(50, ge=1, le=1000, description="Most rows to rerank.")
    factor: float = Field(5, ge=1, le=100, description="Rows reranked for every row that the app asked for.")
    at_least: int = Field(
        5, ge=1, le=1000, description="Rows below which a model is not begun: the next one is tried."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Candidates:
        if self.min > self.max:
            raise ValueError(f"min (by default 20) is {self.min}, should not be above max, {self.max}")
        return self

    def window(self, limit: int) -> int:
        """Return the rows to rerank for a page of `limit`; independent of the page's offset, so pages fit."""
        return max(self.min, min(self.max, round(limit * self.factor)))


class Rule(Scored):
    """How the searches it matches are reranked."""

    match: Match = Field(Match(), description="Which searches it is for; all by default.")
    mode: Annotated[Mode, BeforeValidator(_mode)] = Field(
        "on",
        description="on: rerank; shadow: rerank off the request path, answer the store's order; off: pass.",
    )
    candidates: Candidates = Field(Candidates(), description="How many rows are reranked.")
    budget_ms: float = Field(
        150, gt=0, le=60000, description="Milliseconds that midrank may add to a search."
    )
    scores: Literal["keep", "replace"] = Field(
        "keep", description="keep the store's scores on the hits, or replace them by the reranker's."
    )
    blend: float = Field(
        0,
        ge=0,
        le=0.9,
        description="Weight of the store's own score in the order, both standardised; 0: the reranker alone. "
        "Where answers have no such score (Chroma without distances), it is not used.",
    )
    experiment: Experiment | None = Field(None, description="Live traffic as proof; none by default.")

    @model_validator(mode="after")
    def _shows_an_order(self) -> Rule:
        if self.experiment is not None and self.mode != "on":
            raise ValueError(f"an experiment takes mode: on, not {self.mode}")
        if self.experiment is not None and self.experiment.kind == "interleave" and self.scores == "replace":
            raise ValueError(
                "rows drawn from two orders don't fall by one score: interleave takes scores: keep"
            )
        return self


class Policy(Strict):
    """Everything midrank needs to know."""

    version: Literal[1] = Field(1, description="Version of this format.")
    stores: tuple[Store, ...] = Field((), description="The stores in front of which midrank listens.")
    models: dict[str, Model] = Field(
        default={"default": LateInteractionModel(kind="late_interaction")},
        min_length=1,
        description="Rerankers by name.",
    )
    rules: tuple[Rule, ...] = Field((Rule(),), description="The first rule that matches a search decides.")
    rerank_api: RerankApi | None = Field(
        None, description="A rerank API for applications that fetch candidates themselves; none by default."
    )
    cache: CacheSettings = Field(CacheSettings(), description="Where scores are kept.")
    secret: Secret | None = Field(
        None,
        description="Keys all digests: of cached scores, records, experiments, and of what the harm guard "
        "looks at. Without it, who reads Redis can test whether a known query is there, and every start "
        "draws lots anew. The same for all replicas; take it from the environment.",
    )
    breaker: Breaker = Field(
        BreakerSettings(), description="When a model is left alone; for models without one of their own."
    )
    record: Record | None = Field(None, description="What is written down of searches; nothing by default.")
    feedback: Feedback | None = Field(
        None, description="Where applications say which rows were of use; none by default."
    )
    harm_guard: HarmGuard | None = Field(
        None, description="Whether reranking does good is watched, collection by collection; not by default."
    )
    limits: Limits = Field(Limits(), description="What clients may have at once.")
    memory_limit_mb: int | None = Field(
        None,
        ge=128,
        le=1048576,
        description="Memory that the process may take. Where the memory_mb of models and cache are more than "
        "fits beside its code and its models, they are cut down. None: nine tenths of the container's limit. "
        "A policy with another model takes over once that is loaded: until then both are in memory.",
    )
    telemetry: TelemetrySettings = Field(TelemetrySettings(), description="What is told of searches.")
    admin: Admin | None = Field(
        None,
        description="Where probes, Prometheus and operators ask; a bare HOST:PORT is short for `listen`. "
        "None by default.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: object) -> object:
        """Give stores without a name their kind as name."""
        if not isinstance(data, dict) or not isinstance(data.get("stores"), list | tuple):
            return data
        stores = [
            {**store, "name": store.get("name") or store.get("kind")} if isinstance(store, dict) else store
            for store in data["stores"]
        ]
        return {**data, "stores": stores}

    @model_validator(mode="after")
    def _serves_something(self) -> Policy:
        if not self.stores and self.rerank_api is None:
            raise ValueError("should have one or more stores, or a rerank_api")
        return self

    @model_validator(mode="after")
    def _kept_somewhere(self) -> Policy:
        if all(scoring.cache.semantic is None for scoring in self.scorings):
            return self
        if not self.cache.kept:
            raise ValueError(
                "cache.memory_mb is 0 without cache.redis, but a rule's cache.semantic needs scores"
            )
        if self.cache.redis is not None and self.secret is None:
            # What keeps users apart is a digest of their credentials: without a key it could be guessed.
            raise ValueError("cache.semantic with cache.redis needs a secret, the same for all replicas")
        return self

    @model_validator(mode="after")
    def _proves_something(self) -> Policy:
        if self.feedback is None and any(rule.experiment is not None for rule in self.rules):
            raise ValueError("a rule's experiment takes feedback: where applications say what was of use")
        ab = any(rule.experiment is not None and rule.experiment.kind == "ab" for rule in self.rules)
        if ab and self.secret is None:
            raise ValueError("an ab takes a secret: without one, callers change sides with every start")
        if (guard := self.harm_guard) is None:
            return self
        interleaved = any(rule.experiment and rule.experiment.kind == "interleave" for rule in self.rules)
        if guard.probes is None and guard.reference is None and not interleaved:
            raise ValueError(
                "harm_guard takes evidence: probes, a reference, or a rule that interleaves with feedback"
            )
        return self

    def rule(self, store: str, collection: str) -> Rule | None:
        """Return the first rule for a collection of a store; None means: leave its searches alone."""
        return next(
            (
                rule
                for rule in self.rules
                if fnmatchcase(store, rule.match.store) and fnmatchcase(collection, rule.match.collection)
            ),
            None,
        )

    @property
    def proves_something(self) -> bool:
        """Whether anything is told of searches by their collection."""
        shadow = any(rule.mode == "shadow" for rule in self.rules)
        return shadow or any(part is not None for part in (self.record, self.feedback, self.harm_guard))

    @property
    def used_models(self) -> tuple[str, ...]:
        """The models that something is reranked with, in the order they are first named."""
        return tuple(dict.fromkeys(name for scoring in self.scorings for name in scoring.models))

    @property
    def scorings(self) -> tuple[Scoring, ...]:
        """How something is scored, each way once: by the rules that are not off, by the rerank API."""
        rules = [rule for rule in self.rules if self.stores and rule.mode != "off"]
        asked: list[Scored] = [*rules, *([self.rerank_api] if self.rerank_api is not None else [])]
        reference = [self.reference_scoring] if rules and self.reference_scoring is not None else []
        return tuple(dict.fromkeys([*(one.scoring for one in asked), *reference]))

    @property
    def reference_scoring(self) -> Scoring | None:
        """How the harm guard's reference model scores, if there is one."""
        if self.harm_guard is None or self.harm_guard.reference is None:
            return None
        return Scoring((self.harm_guard.reference,))

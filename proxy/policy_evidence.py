"""The policy's part about proof: what is recorded, what is tried out on live traffic, and what ends harm."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from proxy.policy_base import Address, CallersKey, Strict


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"should be a regular expression: {error}") from error
    return value


class Record(Strict):
    """What is written down of searches, for `midrank replay`, `tune` and `report`; nothing by default."""

    folder: str = Field(min_length=1, description="Where the records are kept.")
    share: float = Field(1.0, gt=0, le=1, description="Share of searches that are recorded.")
    texts: Literal["hash", "keep"] = Field(
        "hash",
        description="hash: of queries and documents keep a keyed digest alone; keep: the texts, to be "
        "reranked again by `midrank replay`.",
    )
    redact: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        (),
        description="Regular expressions, as RE2 takes them; what they match in kept texts is replaced by "
        "[redacted].",
    )
    max_mb: int = Field(256, ge=1, le=1_048_576, description="The oldest records go where there are more.")
    keep_days: float = Field(30, gt=0, le=3650, description="Records older than that are removed.")


class Experiment(Strict):
    """Live traffic as proof. Only answers that say `x-midrank-exchange` take part."""

    kind: Literal["interleave", "ab"] = Field(
        description="interleave: the page is drawn from the store's order and the reranked one in turn, by "
        "team draft; ab: some callers get the store's own answer."
    )
    share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="interleave: share of queries that take part; ab: share of callers who are reranked.",
    )
    header: str | None = Field(
        None, description="ab: the request header whose value tells callers apart, by a stable hash."
    )

    @model_validator(mode="after")
    def _tells_callers_apart(self) -> Experiment:
        if (self.kind == "ab") != bool(self.header):
            raise ValueError("an ab takes a header that tells callers apart, an interleave takes none")
        return self


class Feedback(Strict):
    """Where applications say which rows were of use: `POST /v1/feedback`."""

    listen: Address = Field(description="HOST:PORT to listen on.")
    api_key: CallersKey | None = Field(
        None,
        description="What applications send as `Authorization: Bearer KEY`; take it from the environment. "
        "None: everyone who reaches the address is let in.",
    )
    remember: int = Field(
        10_000,
        ge=100,
        le=1_000_000,
        description="Most exchanges that are remembered; an ab takes all answers within remember_s.",
    )
    remember_s: float = Field(
        3600, gt=0, le=604_800, description="Seconds after an answer within which feedback is taken."
    )
    cited_weight: float = Field(
        0.25,
        ge=0,
        le=1,
        description="What a row counts that is `cited` by the application's own answer, where one that was "
        "`used` or `clicked` counts 1. Citations are heard where nothing better was posted.",
    )


class HarmGuard(Strict):
    """Watches, for every collection, whether reranking does good, and ends it where it harms."""

    min_lift: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="An alarm is raised where the lift (difference in NDCG@5) is surely below this.",
    )
    confidence: float = Field(
        0.95,
        ge=0.5,
        lt=1,
        description="How sure, at whatever time one looks: the chance that a collection whose lift is "
        "min_lift or better is ever alarmed about stays below 1 - confidence.",
    )
    auto_off: bool = Field(
        False, description="Answer the store's order where there is an alarm, until better is proven."
    )
    recheck_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the searches of a switched-off collection that are ranked behind the "
        "answer, to find out whether that has become good.",
    )
    probes: str | None = Field(
        None,
        description="JSONL file of judged queries; when one of them is searched for, its lift is evidence. "
        "Have them searched for in random order: confidence is a promise about that.",
    )
    reference: str | None = Field(
        None,
        description="A stronger model, by its name under `models`; its view of some searches is evidence.",
    )
    reference_share: float = Field(
        0.01,
        gt=0,
        le=1,
        description="Share of searches that the reference model looks at, behind the answer.",
    )
    reference_s: float = Field(10, gt=0, le=600, description="Seconds that it may take for one of them.")
    file: str | None = Field(None, description="Where the evidence is kept across restarts.")

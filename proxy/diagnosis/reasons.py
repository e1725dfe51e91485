"""What to do about each reason for which a search was not reranked, or not all of it."""

from __future__ import annotations

from proxy.model import Reason

# Reasons that are as somebody wants them, or that nobody can do anything about.
EXPECTED = frozenset(
    (
        Reason.MODE_OFF,
        Reason.SHADOW,
        Reason.CONTROL,
        Reason.TOO_FEW,
        Reason.BEYOND_WINDOW,
        Reason.UNSUPPORTED_SEARCH,
    )
)

_MORE_TIME = "raise the rule's budget_ms, lower candidates.max, or put a faster model behind in `rerank`"
_MORE_POWER = "give it more CPU, lower candidates.max, or add replicas; see the load in `midrank status`"
_STORE = "see the store's own log, and upstream and timeout_s in the policy"
_REMOTE = "see the API's status page and `midrank status`; name a local model behind it in `rerank`"
_VERSION = "this version of the store's API is not known: please report it"
_KEY = "check api_key, and that the account may use this model"

TO_DO: dict[Reason, str] = {
    Reason.AUTO_OFF: "reranking was found to harm a collection: `midrank evidence show` tells which and why",
    Reason.UNKNOWN_COLLECTION: "the store did not tell the collection's name in time: see its latency",
    Reason.NO_QUERY_TEXT: "searches carry vectors alone: have the app send the query's text as header "
    "`x-midrank-query` (percent-encoded), or as `baggage: midrank.query=...` of its trace",
    Reason.BAD_QUERY_HEADER: "`x-midrank-query` takes percent-encoded UTF-8: quote(text) in Python",
    Reason.NO_TEXT: "no row has text: name its field under stores[].text.COLLECTION.fields",
    Reason.STORE_ERROR: _STORE,
    Reason.UNDECODABLE_REQUEST: _VERSION,
    Reason.UNDECODABLE_REPLY: _VERSION,
    Reason.TOO_LARGE: "requests or answers are too large to be held: leave vectors out of answers",
    Reason.LATE: _MORE_TIME,
    Reason.NO_BUDGET: "callers leave no time: raise their timeout, or the rule's budget_ms",
    Reason.TOO_LONG: "texts are too long for one search: lower candidates.max or max_tokens",
    Reason.WARMING: "models were loading: have rollouts wait for /warm, or bake graphs into the image",
    Reason.MODEL_FAILED: "a model could not be loaded: the log says why",
    Reason.MODEL_HUNG: "a call did not come back: set isolation: process, and look for CPU throttling",
    Reason.OVERLOADED: _MORE_POWER,
    Reason.SCORER_ERROR: "a model fails: the log says how",
    Reason.BAD_SCORES: "a model gives no numbers: use precision fp32, or another model",
    Reason.BAD_RESPONSE: "the rerank API answers with something else: check url and dialect",
    Reason.RATE_LIMITED: "the rerank API wants fewer calls: raise the limit there, lower concurrency here",
    Reason.REMOTE_ERROR: _REMOTE,
    Reason.REMOTE_DENIED: _KEY,
    Reason.REMOTE_REFUSED: "the rerank API does not take the request: check model, max_batch and max_tokens",
    Reason.BREAKER_OPEN: "a model is left alone as it failed or was late: `midrank status` tells why",
    Reason.REFUSED: "the store refuses more rows than the app asked for: lower candidates.max",
    Reason.INTERNAL_ERROR: "a mistake of midrank's own: the log has it, please report it",
}


def to_do(reason: str) -> str:
    """Return what to do about a reason; empty where there is nothing to do."""
    try:
        return TO_DO.get(Reason(reason), "")
    except ValueError:
        return ""

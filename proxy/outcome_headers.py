"""What every answer tells its caller: what happened to the search, why, and how long it took."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from multidict import CIMultiDict, CIMultiDictProxy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.model import Attempt, Verdict, WireResponse

# RFC 9651, section 3.3.4: what may stand in a structured field without quotes.
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_NOT_IN_STRINGS = re.compile(r"[^\x20-\x7e]")


def outcome_headers(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell a caller what happened."""
    headers = [("x-midrank", verdict.outcome.value)]
    if verdict.reason is not None:
        headers.append(("x-midrank-reason", verdict.reason.value))
    if verdict.scored:
        headers.append(("x-midrank-scored", f"{verdict.scored}/{verdict.candidates}"))
    if verdict.known:
        headers.append(("x-midrank-cached", f"{verdict.known}/{verdict.candidates}"))
    if verdict.near is not None:
        headers.append(("x-midrank-near", f"{verdict.near:.3f}"))
    if verdict.chain:
        headers.append(("x-midrank-attempts", ", ".join(map(_member, verdict.chain))))
    return tuple(headers)


def marked(
    response: WireResponse, told: Sequence[tuple[str, str]], *, added: float, store: float
) -> WireResponse:
    """Return an answer with the headers `told`, that says how many seconds midrank and the store took."""
    # Words of another midrank behind this one are not about this exchange.
    headers = CIMultiDict(
        (name, value) for name, value in response.headers.items() if not name.lower().startswith("x-midrank")
    )
    headers.extend(told)
    headers.add("server-timing", f"midrank;dur={added * 1000:.2f}, store;dur={store * 1000:.2f}")
    return response._replace(headers=CIMultiDictProxy(headers))


def _member(attempt: Attempt) -> str:
    """Return a member of an RFC 9651 list: the model, with its reason as a parameter if it has one."""
    model = attempt.model
    if not _TOKEN.fullmatch(model):
        escaped = _NOT_IN_STRINGS.sub("?", model).replace("\\", "\\\\").replace('"', '\\"')
        model = f'"{escaped}"'
    return model if attempt.reason is None else f"{model};{attempt.reason.value}"

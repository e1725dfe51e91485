"""One search through the midrank that runs: what an app would get, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from proxy.diagnosis.finding import failed, ok, warning
from proxy.diagnosis.reasons import to_do
from proxy.diagnosis.stores import StoreAway, Visit
from proxy.places import asked_at

if TYPE_CHECKING:
    from proxy.diagnosis.finding import Finding
    from proxy.diagnosis.stores import Headers
    from proxy.policy import Store

_PATIENCE = 30.0


async def searched(store: Store, collection: str, query: str, headers: Headers = ()) -> Finding:
    """Search a collection through midrank, with the query's text beside some vector."""
    what = f"search of {store.name}/{collection}"
    visit = Visit(store, headers)
    try:
        found = await visit.collection(collection)
    except StoreAway as away:
        return away.finding
    if found.search is None:
        return warning(what, "not tried", "it has no rows, or vectors of a kind that the doctor has none of")
    request = visit.request(found)
    # Not by what asks stores: that keeps midrank's own headers to itself.
    sent = CIMultiDict([*request.headers.items(), ("x-midrank-query", quote(query))])
    url = URL(f"http://{asked_at(store.listen)}{request.target}", encoded=True)
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE)) as session,
            session.post(url, data=request.body, headers=sent) as answer,
        ):
            await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return failed(what, f"no answer at {store.listen}", "see whether midrank runs, with this policy")
    outcome, reason = (answer.headers.get(name) for name in ("x-midrank", "x-midrank-reason"))
    if outcome is None:
        return failed(what, f"{store.listen} is no midrank", "see who listens there")
    attempts = answer.headers.get("x-midrank-attempts")
    said = ": ".join(filter(None, (outcome, reason))) + (f" ({attempts})" if attempts else "")
    if outcome in ("reranked", "cached"):
        return ok(what, said)
    return (warning if outcome == "partial" else failed)(what, said, to_do(reason or ""))

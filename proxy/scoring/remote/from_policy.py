"""The scorer that a `remote` model of a policy describes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from proxy.scoring.remote.api_key import ApiKey
from proxy.scoring.remote.asking import Api
from proxy.scoring.remote.dialects import DIALECTS
from proxy.scoring.remote.http import RemoteHttp
from proxy.scoring.remote.remote import Limits, Remote

if TYPE_CHECKING:
    from proxy.policy_remote import RemoteModel

# Largest answer: a thousand texts of two kilobytes, sent back, and room for their scores.
_MAX_BYTES = 4 * 2**20


def remote_scorer(name: str, model: RemoteModel) -> Remote:
    """Return the scorer; it opens and reads nothing yet."""
    dialect = DIALECTS[model.dialect]
    api = Api(
        dialect=dialect,
        urls=tuple(whole(url, dialect.path) for url in model.every_url or (dialect.url,)),
        model=model.model,
        retry_share=model.retry_share,
        hedge_share=model.hedge_share if model.hedge else 0.0,
    )
    # Calls that linger beyond their deadline, and hedges, have connections of their own.
    http = RemoteHttp(ca_file=model.ca_file, max_bytes=_MAX_BYTES, max_connections=2 * model.concurrency)
    return Remote(
        api,
        http,
        ApiKey(model.api_key, model.api_key_file, time.monotonic),
        name=name,
        limits=Limits(model.max_batch or dialect.max_batch, model.max_tokens, model.concurrency),
        pointwise=model.pointwise and dialect.pointwise(model.model),
    )


def whole(url: str, path: str) -> str:
    """Return the URL of an endpoint; one that names the dialect's path already is taken as it is."""
    return url if url.endswith(path) else url + path

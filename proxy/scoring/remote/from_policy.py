"""The scorer that a `remote` model of a policy describes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.scoring.remote.api_key import ApiKey
from proxy.scoring.remote.asking import Api
from proxy.scoring.remote.dialects import DIALECTS
from proxy.scoring.remote.http import RemoteHttp
from proxy.scoring.remote.remote import Limits, Remote

if TYPE_CHECKING:
    from proxy.policy_remote import RemoteModel


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
    # Calls that linger beyond their deadline have connections of their own, and so have hedges.
    http = RemoteHttp(ca_file=model.ca_file, max_connections=3 * model.concurrency)
    return Remote(
        api,
        http,
        ApiKey(model.api_key, model.api_key_file, time.monotonic),
        name=name,
        limits=Limits(model.max_batch or dialect.max_batch, model.max_tokens, model.concurrency),
        pointwise=model.pointwise and dialect.pointwise(model.model),
    )


def whole(url: str, path: str) -> str:
    """Return the URL of an endpoint; what a base URL names of the dialect's path already is not added."""
    named, version = urlsplit(url).path, path.rpartition("/")[0]
    if named.endswith(path):
        return url
    return (url.removesuffix(version) if named.endswith(version) else url) + path

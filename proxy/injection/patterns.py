"""The forms of names and addresses that annotations and settings may hold."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from proxy.injection.quantities import amount
from proxy.policy_base import base_url

_LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
# No `$`: the kubelet would expand `$(NAME)` in an argument, and midrank itself `${NAME}`.
_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:/[A-Za-z0-9._~/-]*)?")


def _quantity(value: object) -> str:
    number = amount(value)
    if number is None or number <= 0:
        raise ValueError("should be a quantity such as 500m or 1Gi")
    return str(value)


def _upstream(value: str) -> str:
    if not _URL.fullmatch(value):
        raise ValueError("should be a URL like http://qdrant:6333")
    return base_url(value, like="http://qdrant:6333", instead="put them into a policy")


def allowed_by(globs: tuple[str, ...], value: str) -> bool:
    """Say whether one of the globs fits the whole value; `*` stands for anything but a slash."""
    return any(re.fullmatch("[^/]*".join(map(re.escape, glob.split("*"))), value) for glob in globs)


def origin(url: str) -> str:
    """Return the scheme, host and port of a checked URL, as globs of upstreams are written."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _origins(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.*:\[\]-]+:(?:[0-9]+|\*)", value):
        raise ValueError("should be SCHEME://HOST:PORT, for example http://*.stores.svc:6333")
    return value.lower()


# What Kubernetes calls a DNS subdomain: the names of ConfigMaps, Secrets and claims.
ObjectName = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)]
Quantity = Annotated[str | int | float, AfterValidator(_quantity)]
Image = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$")]
ImageGlob = Annotated[str, Field(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._:/@*-]{0,254}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Upstream = Annotated[str, AfterValidator(_upstream)]
UpstreamGlob = Annotated[str, AfterValidator(_origins)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]

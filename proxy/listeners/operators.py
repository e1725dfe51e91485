"""Who may do what at the admin port, which probes of the whole network reach.

    probes            everybody
    metrics           everybody; with a key, who reads
    reading the rest  a tool on this machine, or whoever sends the key
    changing          a tool on this machine, which also has to send the key if there is one

A tool on this machine is told like this:

1. the peer is a loopback address, also one written as IPv6 (`::ffff:127.0.0.1`);
2. `Host` names this machine: a page whose name was rebound to 127.0.0.1 says its own;
3. no page asks: browsers send `Origin` or `Sec-Fetch-Site` with whatever is more than a plain link. What
   somebody has typed into one may be read (`Sec-Fetch-Site: none`);
4. nobody is spoken for: a reverse proxy or mesh sidecar beside midrank is a loopback peer for everyone. One
   that says nothing of itself can't be told from a tool: don't put the admin port behind a bare proxy.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from proxy.bearer import BearerKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

# Told by what stands between: RFC 7239 and 9110, the headers that they were made from, meshes and gateways.
FORWARDED = (
    "forwarded",
    "via",
    "x-forwarded-",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "x-request-id",
    "x-envoy-",
    "cf-connecting-ip",
    "true-client-ip",
)
BROWSERS = ("origin", "sec-fetch-site")
# Tools come from here; Istio's sidecar comes from another address of the loopback network.
PEERS = frozenset(map(ip_address, ("127.0.0.1", "::1")))


class Refused(NamedTuple):
    """An answer to who may not: its status, its word, and a sentence for the sender."""

    status: int
    error: str
    why: str


class Operators:
    """Tells operators from others, by where they are and by the key, if there is one.

    In all methods `peer` is the address at the other end, None where it has none; `headers` are looked up in
    lower case. None is returned to who may.
    """

    def __init__(self, key: SecretStr | None = None) -> None:
        self._key = BearerKey(key)

    def scraping(self, peer: str | None, headers: Mapping[str, str]) -> Refused | None:
        """Say who may not read metrics."""
        return self.reading(peer, headers) if self._key.asked_for else None

    def reading(self, peer: str | None, headers: Mapping[str, str]) -> Refused | None:
        """Say who may not read how midrank is."""
        if self._key.asked_for and self._sends_key(headers):
            return None
        why = refusal(peer, headers, reads=True)
        if why is None:
            return None
        return _NO_KEY if self._key.asked_for else Refused(403, "forbidden", why)

    def changing(self, peer: str | None, headers: Mapping[str, str]) -> Refused | None:
        """Say who may not change anything."""
        why = refusal(peer, headers)
        if why is not None:
            return Refused(403, "forbidden", why)
        return None if self._sends_key(headers) else _NO_KEY

    def _sends_key(self, headers: Mapping[str, str]) -> bool:
        return self._key.admits(headers.get("authorization", ""))


_NO_KEY = Refused(401, "unauthorized", "the key in `Authorization: Bearer KEY` is missing or wrong")


def refusal(peer: str | None, headers: Mapping[str, str], *, reads: bool = False) -> str | None:
    """Return why a request is not from a tool on this machine, as a sentence for its sender; None if it is.

    What `reads` alone may have been typed into a browser, too.
    """
    if peer is None or _address(peer) not in PEERS:
        return "only this machine may do that: ask from where midrank runs, through a loopback address"
    if not _names_loopback(headers.get("host", "")):
        return "the Host header has to be localhost or a loopback address"
    typed = reads and headers.get("sec-fetch-site") == "none" and "origin" not in headers
    if not typed and any(name in headers for name in BROWSERS):
        return "not for browsers"
    if any(name.lower().startswith(FORWARDED) for name in headers):
        return "not through a proxy"
    return None


def _names_loopback(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
    except ValueError:
        return False
    if parts.netloc != host or parts.username is not None:
        return False
    address = _address(parts.hostname or "")
    return parts.hostname == "localhost" or (address is not None and address.is_loopback)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, that of IPv4 where it is one in the words of IPv6; None where it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address

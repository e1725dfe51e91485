"""Who may change something through the admin port: a tool on this machine, no browser, nobody from afar.

The port is open to probes and scrapers of the whole network, so what it changes has to ask who is there:

1. the peer is a loopback address, also one written as IPv6 (`::ffff:127.0.0.1`);
2. `Host` names this machine: a page whose name was rebound to 127.0.0.1 says its own;
3. no page asks: browsers send `Origin` or `Sec-Fetch-Site` with whatever is more than a plain link;
4. nobody is spoken for: a reverse proxy or mesh sidecar beside midrank is a loopback peer for everyone. One
   that says nothing of itself can't be told from a tool: don't put the admin port behind a bare proxy.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Told by what stands between: RFC 7239 and 9110, the headers that they were made from, meshes and gateways.
FORWARDED = ("forwarded", "via", "x-forwarded-", "x-real-ip", "x-request-id", "x-envoy-")
BROWSERS = ("origin", "sec-fetch-site")
# Tools come from here; Istio's sidecar comes from another address of the loopback network.
PEERS = frozenset(map(ip_address, ("127.0.0.1", "::1")))


def refusal(peer: str | None, headers: Mapping[str, str]) -> str | None:
    """Return why a request may not change anything, as a sentence for its sender; None if it may.

    `peer` is the address at the other end, None where it has none; `headers` are looked up in lower case.
    """
    if peer is None or _address(peer) not in PEERS:
        return "only this machine may do that: ask from where midrank runs, through a loopback address"
    if not _names_loopback(headers.get("host", "")):
        return "the Host header has to be localhost or a loopback address"
    if any(name in headers for name in BROWSERS):
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

"""Who may change something through the admin port: a tool on this machine, no browser, nobody from afar.

The port is open to probes and scrapers of the whole network, so what it changes has to ask who is there:

1. the peer is a loopback address, also one written as IPv6 (`::ffff:127.0.0.1`);
2. `Host` names this machine: a page whose name was rebound to 127.0.0.1 says its own;
3. no page asks: browsers send `Origin` or `Sec-Fetch-Site` with whatever is more than a plain link;
4. nobody is spoken for: a reverse proxy or mesh sidecar beside midrank is a loopback peer for everyone.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Told by what stands between: RFC 7239, and the header that it was made from.
FORWARDED = ("forwarded", "x-forwarded-for")
BROWSERS = ("origin", "sec-fetch-site")


def refusal(peer: str | None, headers: Mapping[str, str]) -> str | None:
    """Return why a request may not change anything, as a sentence for its sender; None if it may.

    `peer` is the address at the other end, None where it has none; `headers` are looked up in lower case.
    """
    if peer is None or not _is_loopback(peer):
        return "only this machine may do that: ask from where midrank runs, through a loopback address"
    if not _names_loopback(headers.get("host", "")):
        return "the Host header has to be localhost or a loopback address"
    if any(name in headers for name in BROWSERS):
        return "not for browsers"
    if any(name in headers for name in FORWARDED):
        return "not through a proxy"
    return None


def _names_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        read = ip_address(address)
    except ValueError:
        return False
    mapped = read.ipv4_mapped if isinstance(read, IPv6Address) else None
    return (mapped or read).is_loopback

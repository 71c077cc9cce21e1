"""Where a request comes from: the other end of the connection, or what a proxy we were told to trust says it saw.

`X-Forwarded-For` is read from the right, past the proxies of `MANDATE_PROXIES`; from anyone else it is ignored, and
`Forwarded` always is: two headers for one fact would let a sender choose.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

Network = IPv4Network | IPv6Network


def peer(scope: Scope, proxies: tuple[Network, ...]) -> str | None:
    """Who really sent it: the connection's other end, or, behind trusted proxies, the last address none of them is."""
    client = scope.get("client")
    address: str | None = client[0] if client else None
    if not proxies or address is None or not _within(address, proxies):
        return address
    told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    for hop in reversed([hop.strip() for hop in told.split(",")]):
        if not _is_address(hop):
            break
        address = hop
        if not _within(hop, proxies):
            break
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _within(text: str, networks: tuple[Network, ...]) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in networks)

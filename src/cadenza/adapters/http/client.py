"""Where a request comes from."""

from ipaddress import ip_address
from typing import Any

from cadenza.adapters.http.limits import HttpLimits

UNKNOWN = "0.0.0.0"
"""Stands for a peer without an address (a Unix socket)."""


def client_address(scope: Any, limits: HttpLimits) -> str:
    """Return the address of the client: the connection's peer, or the one that a trusted proxy names.

    X-Forwarded-For is read from the right, over the proxies that we trust; anybody may write what lies further left.
    """
    address = str((scope.get("client") or (UNKNOWN, 0))[0])
    if not limits.trusted_proxies:
        return address
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    return forwarded_address(address, forwarded, limits)


def forwarded_address(peer: str, forwarded: str, limits: HttpLimits) -> str:
    """Return the address of a client from the connection's peer and the request's X-Forwarded-For."""
    address = peer or UNKNOWN
    if not limits.trusted_proxies or not _is_trusted(address, limits):
        return address
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not _is_address(hop):
            break
        address = hop
        if not _is_trusted(hop, limits):
            break
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(text: str, limits: HttpLimits) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in limits.trusted_proxies)

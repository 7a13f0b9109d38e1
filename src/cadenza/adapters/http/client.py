"""Where a request comes from."""

from typing import Any

from cadenza.adapters.http.limits import HttpLimits
from cadenza.network.client_address import address_behind

UNKNOWN = "0.0.0.0"
"""Stands for a peer without an address (a Unix socket)."""


def client_address(scope: Any, limits: HttpLimits) -> str:
    """Return the address of the client: the connection's peer, or the one that a trusted proxy names."""
    peer = str((scope.get("client") or (UNKNOWN, 0))[0])
    if not limits.trusted_proxies:
        return peer
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    return address_behind(peer, forwarded, limits.trusted_proxies)

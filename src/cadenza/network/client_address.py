"""Which address a request comes from, where proxies may stand in front of the server."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Networks = Sequence[IPv4Network | IPv6Network]


def address_behind(peer: str, forwarded: str, trusted: Networks) -> str:
    """Return the address of the client: the connection's peer, or the one that a trusted proxy names.

    `forwarded` is the X-Forwarded-For, empty if there is none. It is read from the right, over the proxies that are
    trusted; anybody may write what lies further left.
    """
    address = peer
    if not trusted or not _is_trusted(address, trusted):
        return address
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not _is_address(hop):
            break
        address = hop
        if not _is_trusted(hop, trusted):
            break
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(text: str, trusted: Networks) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in trusted)

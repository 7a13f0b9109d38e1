"""How often a client, and an e-mail address, may try."""

from ipaddress import ip_address, ip_network

from cadenza.domain.errors import RateLimited
from cadenza.ports.rate_limiter import RateLimiter

_IPV6_PREFIX_BITS = 64


class Throttle:
    """Two limits: per client address, against one who tries many users, and per e-mail, against many who try one."""

    def __init__(self, *, per_client: RateLimiter, per_email: RateLimiter) -> None:
        self._per_client = per_client
        self._per_email = per_email

    def check(self, client: str, email: str | None = None) -> None:
        """Count a try; raise `RateLimited` when it is one too many. Whether the e-mail has a user plays no part."""
        wait_s = self._per_client.allow(_network_of(client))
        if wait_s is None and email is not None:
            wait_s = self._per_email.allow(email)
        if wait_s is not None:
            raise RateLimited("too many tries, come back later", wait_s)


def _network_of(client: str) -> str:
    """An IPv6 customer has a whole /64, so that is what counts as one client."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if address.version == 4:
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), _IPV6_PREFIX_BITS), strict=False))

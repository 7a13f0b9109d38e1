"""Rate limits per client address and per e-mail address."""

from ipaddress import ip_address, ip_network

from cadenza.domain.errors import RateLimited
from cadenza.ports.rate_limiter import RateLimiter

_IPV6_PREFIX_BITS = 64


class FailedKeys:
    """Answers an address that sends many refused API keys with `RateLimited`, as programs do that keep sending a
    revoked key. It keeps nobody from guessing, because a key is judged first; a key that is a signed token cannot be
    guessed. It counts only keys that were refused, so valid keys from the same address are not held up."""

    def __init__(self, *, per_client: RateLimiter) -> None:
        self._per_client = per_client

    def count(self, client: str) -> None:
        """Count a refused key. Raises `RateLimited` when they are too many."""
        wait_s = self._per_client.allow(_network_of(client))
        if wait_s is not None:
            raise RateLimited("too many requests with an API key that is not valid", wait_s)


class Throttle:
    """Limits tries to log in and the like. The limit per client address stops a client that tries many users; the limit
    per e-mail address stops many clients that try the same user."""

    def __init__(self, *, per_client: RateLimiter, per_email: RateLimiter) -> None:
        self._per_client = per_client
        self._per_email = per_email

    def check(self, client: str, email: str | None = None) -> None:
        """Count a try. Raises `RateLimited` when it is over a limit, whether the e-mail address has a user or not."""
        wait_s = self._per_client.allow(_network_of(client))
        if wait_s is None and email is not None:
            wait_s = self._per_email.allow(email)
        if wait_s is not None:
            raise RateLimited("too many tries, come back later", wait_s)


def _network_of(client: str) -> str:
    """Return the address to count by. An IPv6 customer usually has a whole /64, so a /64 counts as one client."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if address.version == 4:
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), _IPV6_PREFIX_BITS), strict=False))

"""What the HTTP edge accepts."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """`body_bytes_max`: a larger body is refused while it is read. `cors_origins` may call from a browser (none by
    default). `trusted_proxies` are believed when they name their client (X-Forwarded-For). The paths of
    `flood_exempt` are for machines that speak for many clients from one address and show a secret."""

    body_bytes_max: int = 64 * 1024
    cors_origins: tuple[str, ...] = ()
    flood_exempt: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

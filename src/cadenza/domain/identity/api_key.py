"""API keys: what a program logs in with, in place of its owner's password."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from cadenza.domain.errors import InvalidRequest
from cadenza.domain.identity.actor import Scope
from cadenza.domain.ids import Access, ApiKeyId, TenantId, TradingAccountId, UserId

KEYS_PER_USER_MAX = 100
"""Live keys that one user may have."""

KEY_NAME_CHARS_MAX = 100
ACCOUNTS_PER_KEY_MAX = 100
ADDRESSES_PER_KEY_MAX = 50
ADDRESS_CHARS_MAX = 64

Network = IPv4Network | IPv6Network

_MAPPED_PREFIX_BITS = 96


class ApiKeyStatus(StrEnum):
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of one user. Its secret is a token that was shown once; only the token's SHA-256 is stored.

    `accounts` and `environments` limit the key; None means all that the user has. An account outside either does not
    exist for the key, and what concerns the whole tenant is not for a key with such a limit. `addresses` are the only
    networks from which the key may be used; empty means any. `expires_at_ms` None means never. `last_used_at_ms` and
    `last_used_address` are at most about a minute old.
    """

    id: ApiKeyId
    tenant_id: TenantId
    user_id: UserId
    name: str
    scopes: frozenset[Scope]
    accounts: frozenset[TradingAccountId] | None
    environments: frozenset[Access] | None
    addresses: tuple[Network, ...]
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None = None
    last_used_at_ms: int | None = None
    last_used_address: str | None = None

    def status(self, now_ms: int) -> ApiKeyStatus:
        if self.revoked_at_ms is not None:
            return ApiKeyStatus.REVOKED
        if self.expires_at_ms is not None and now_ms >= self.expires_at_ms:
            return ApiKeyStatus.EXPIRED
        return ApiKeyStatus.ACTIVE

    def revoked(self, now_ms: int) -> "ApiKey":
        """Return the key revoked. A key that was revoked before keeps its first instant."""
        return self if self.revoked_at_ms is not None else replace(self, revoked_at_ms=now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """The facts about a key that every request needs. `digest` is the SHA-256 of its token. `accounts` are the only
    accounts that exist for the key: of those that it is limited to, the ones in the environments that it is limited to.
    None means that it is limited in neither."""

    digest: bytes
    accounts: frozenset[TradingAccountId] | None
    addresses: tuple[Network, ...]
    never_expires: bool

    def admits(self, client: str) -> bool:
        """Return whether the key may be used from the address. With a list of addresses, a client whose address is not
        known is refused."""
        if not self.addresses:
            return True
        try:
            address = _plain_address(ip_address(client))
        except ValueError:
            return False
        return any(address in network for network in self.addresses)


def check_key_name(name: str) -> str:
    """Return the name without spaces around it. Raises `InvalidRequest`."""
    name = name.strip()
    if not 0 < len(name) <= KEY_NAME_CHARS_MAX or not name.isprintable():
        raise InvalidRequest(f"name: expected 1 to {KEY_NAME_CHARS_MAX} printable characters", {"field": "name"})
    return name


def parse_addresses(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of a list of IP addresses and CIDR blocks. Raises `InvalidRequest`, also for a block whose
    address has bits beyond its prefix: it might mean one address or the whole block."""
    networks = dict.fromkeys(_parse_network(text.strip()) for text in texts)
    if len(networks) > ADDRESSES_PER_KEY_MAX:
        raise InvalidRequest(f"addresses: at most {ADDRESSES_PER_KEY_MAX}", {"field": "addresses"})
    return tuple(networks)


def _parse_network(text: str) -> Network:
    try:
        if len(text) > ADDRESS_CHARS_MAX or "%" in text:
            raise ValueError
        network = ip_network(text)
    except ValueError:
        shown = text[:ADDRESS_CHARS_MAX]
        raise InvalidRequest(
            f"addresses: {shown!r} is no IP address or CIDR block, such as 192.0.2.7 or 2001:db8::/32",
            {"field": "addresses"},
        ) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_PREFIX_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX_BITS))
    return network


def _plain_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return an IPv4 address that is written as IPv6 in its own form. Two spellings of one client must not differ."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        return IPv6Address(int(address))  # without the zone
    return address

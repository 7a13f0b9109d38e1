"""Typed identifiers, venues and environments."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
CredentialId = NewType("CredentialId", UUID)
TradingAccountId = NewType("TradingAccountId", UUID)
OrderId = NewType("OrderId", UUID)
MassCancelId = NewType("MassCancelId", UUID)
ExecutionId = NewType("ExecutionId", UUID)
PositionId = NewType("PositionId", UUID)
OperationId = NewType("OperationId", UUID)
SubscriptionId = NewType("SubscriptionId", UUID)
QuoteId = NewType("QuoteId", UUID)

InstrumentId = NewType("InstrumentId", str)
"""`{VENUE}:{SYMBOL}`, for example `PAPER:BTC/USDT`."""
SecurityId = NewType("SecurityId", str)
"""`{VENUE}:{ASSET}`, for example `PAPER:BTC`."""


class Venue(StrEnum):
    """A place that executes orders."""

    BINANCE = "BINANCE"
    OKX = "OKX"
    DERIBIT = "DERIBIT"
    BITFINEX = "BITFINEX"
    B2C2 = "B2C2"
    WINTERMUTE = "WINTERMUTE"
    CUMBERLAND = "CUMBERLAND"
    BLOCKFILLS = "BLOCKFILLS"
    STONEX = "STONEX"
    IBKR = "IBKR"
    PAPER = "PAPER"
    MOCK = "MOCK"


class Environment(StrEnum):
    """Which installation of a venue: the real one, its test environment, or a simulated one."""

    LIVE = "LIVE"
    UAT = "UAT"
    SANDBOX = "SANDBOX"
    PAPER = "PAPER"

    @property
    def access(self) -> "Access":
        """The permission that a tenant needs to use it."""
        match self:
            case Environment.LIVE:
                return Access.LIVE
            case Environment.UAT | Environment.SANDBOX:
                return Access.UAT
            case Environment.PAPER:
                return Access.PAPER


class Access(StrEnum):
    """What a tenant may be allowed to use; `appMetadata.environments` on the wire."""

    LIVE = "live"
    UAT = "uat"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, order=True)
class VenueId:
    """A venue in one of its environments. `str()` is the public name:
    `BINANCE`, `BINANCE_UAT`, `IBKR_PAPER`, `PAPER`."""

    venue: Venue
    environment: Environment

    def __hash__(self) -> int:  # the one that a dataclass makes hashes each enumeration in Python
        return hash((str.__hash__(self.venue), str.__hash__(self.environment)))

    def __str__(self) -> str:
        return _NAMES[self.venue][self.environment]

    @property
    def access(self) -> Access:
        """The permission that a tenant needs to use this venue."""
        return self.environment.access


def _name(venue: Venue, environment: Environment) -> str:
    if environment is Environment.LIVE or venue in (Venue.PAPER, Venue.MOCK):
        return venue.value
    return f"{venue.value}_{environment.value}"


_NAMES = {venue: {environment: _name(venue, environment) for environment in Environment} for venue in Venue}

PAPER = VenueId(Venue.PAPER, Environment.PAPER)
MOCK = VenueId(Venue.MOCK, Environment.PAPER)

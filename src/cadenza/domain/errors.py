"""The error catalogue: one class and one stable code per cause, with no knowledge of HTTP.

A class belongs to a kind (its base); the edges translate kinds to statuses. The code is the class name in capitals
unless stated, so that a code cannot drift from its class.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar


class CadenzaError(Exception):
    """A cause that the caller gets as an answer: `code` is stable, the message is for people, `metadata` holds
    details."""

    code: ClassVar[str]

    def __init__(self, message: str, metadata: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: Mapping[str, Any] = metadata or {}

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).upper()


class BadInput(CadenzaError):
    """The request is malformed or out of range."""


class Refused(CadenzaError):
    """The request is well formed, and business rules or the present state refuse it."""


class Unauthenticated(CadenzaError):
    """The caller is not authenticated."""


class Forbidden(CadenzaError):
    """The caller is authenticated and lacks a permission."""

    def __init__(self, message: str, required: tuple[str, ...] = (), provided: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.required = required
        self.provided = provided


class NotFound(CadenzaError):
    """The object does not exist, or it belongs to another tenant."""


class TooManyRequests(CadenzaError):
    """A rate limit is exceeded; another try may succeed after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(CadenzaError):
    """A part that the platform needs does not answer at the moment. Nothing was changed unless the class says
    otherwise."""


# --- malformed input


class InvalidRequest(BadInput):
    """A field is missing, of the wrong type, out of range or unknown; the message names it."""


class InvalidCursor(BadInput):
    """The cursor was tampered with, or belongs to other filters."""


class PayloadTooLarge(BadInput):
    """The body is over the limit."""


# --- orders


class DuplicateClientOrderId(Refused):
    """The client order id was used by another order of the account."""


class IdempotencyKeyReused(Refused):
    """The idempotency key was used by a request with another body."""


class LotSize(Refused):
    """The quantity is not a multiple of the lot size, and no rounding was asked for."""


class PipSize(Refused):
    """The price is not a multiple of the pip size."""


class MinQuantity(Refused):
    """The quantity is below the instrument's minimum."""


class MaxQuantity(Refused):
    """The quantity is above the instrument's maximum."""


class MinNotional(Refused):
    """Price times quantity is below the instrument's minimum."""


class MaxNotional(Refused):
    """Price times quantity is above the instrument's maximum."""


class InvalidPrice(Refused):
    """A price that the order type needs is missing, a price that it does not take is given, or a price is not
    positive."""


class InvalidQuantity(Refused):
    """The quantity is not positive, or it is outside the range of its quantity type."""


class UnsupportedOrderType(Refused):
    """The instrument does not take this order type."""


class UnsupportedTimeInForce(Refused):
    """The instrument does not take this time in force, or the order type does not."""


class InvalidExpiry(Refused):
    """The time in force is GTD and `expireAt` (in ms since the epoch) is missing, not in the future or sooner than the
    venue takes it, or it is another one and `expireAt` is given."""


class InsufficientBalance(Refused):
    """The free balance does not cover the order."""


class InsufficientMargin(Refused):
    """The free margin does not cover the order."""


class InvalidLeverage(Refused):
    """The leverage is outside what the account and the instrument allow, or the account has no leverage, or the venue
    keeps it as a setting."""


class NoPosition(Refused):
    """The order's quantity is a share of a position, and there is no such position."""


class NoMarketPrice(Refused):
    """The order needs a market price, and no fresh one is known."""


class UnknownCurrency(Refused):
    """No venue lists an asset of that name, so nothing can be valued in it."""


class TooManyHeldOrders(Refused):
    """The trading account has as many trailing stops as the platform holds for one; cancel one first."""


class TradingHalted(Refused):
    """The tradingState of the account or of its tenant is HALTED: no new orders are taken."""


class OrderNotReducing(Refused):
    """The tradingState of the account or of its tenant is REDUCING, and the order would do more than close what the
    account holds and no other open order closes."""


class DeadMansSwitchFired(Refused):
    """The dead-man's switch has fired, so this call came too late; the metadata says when it fired, and the mass cancel
    that it began."""


class RiskLimitExceeded(Refused):
    """The order would exceed a limit that is set for the account; the metadata names the limit and both values."""


class RiskNotMeasurable(Refused):
    """A limit that is set for the account cannot be checked, because a price or a balance is not known."""


class QuoteUnusable(Refused):
    """The quote is unknown, expired or used, or it belongs to another account, instrument, side or quantity."""


class OrderAlreadyClosed(Refused):
    """The order is closed; it cannot be cancelled."""


class MassCancelNotFound(NotFound):
    """There is no mass cancel with that id."""


class OrderNotFound(NotFound):
    """The account has no such order."""


# --- accounts and credentials


class OrderNotInDoubt(Refused):
    """Only an order whose outcome is unknown can be resolved, or an open one at a venue that cannot be asked."""


class AccountNotActive(Refused):
    """The trading account takes no new orders in its current status."""


class AccountDisconnected(Refused):
    """The trading account was disconnected. Its history stays readable; connecting again creates a new trading
    account."""


class InvalidCredential(Refused):
    """The credential's fields do not match its type or its venue."""


class CredentialRevoked(Refused):
    """The credential was revoked."""


class CredentialRejected(Refused):
    """The venue does not accept the credential."""


class ExternalAccountNotReachable(Refused):
    """The credentials give no access to that account at the venue."""


class EnvironmentNotAllowed(Refused):
    """The tenant may not use this environment (live, uat or paper)."""


class TradingAccountNotFound(NotFound):
    """The tenant has no such trading account."""


class CredentialNotFound(NotFound):
    """The tenant has no such credential."""


class SubscriptionNotFound(NotFound):
    """The tenant has no such subscription."""


# --- market


class VenueNotSupported(Refused):
    """No connector for the venue is installed."""


class VenueUnavailable(Refused):
    """The venue does not answer. Nothing was changed."""


class InstrumentNotFound(NotFound):
    """The tenant's catalogue has no such instrument."""


class SecurityNotFound(NotFound):
    """The tenant's catalogue has no such security."""


class InstrumentNotTradable(Refused):
    """The instrument is inactive, disabled or delisted."""


class InstrumentInUse(Refused):
    """Open orders or positions still refer to the instrument."""


class OrderBookUnavailable(Refused):
    """No fresh order book is known. A stale one is never served."""


# --- identity


class InvalidToken(Unauthenticated):
    """The access token is missing, malformed, forged or revoked."""


class TokenExpired(Unauthenticated):
    """The access token has expired."""


class InvalidCredentials(Unauthenticated):
    """E-mail and password do not match."""


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown, expired or revoked."""


class RefreshTokenReused(Unauthenticated):
    """An earlier refresh token of the session was used again, so the session was ended."""


class InsufficientScope(Forbidden):
    """The token lacks a scope that the operation needs."""


class KeyNotAllowed(Forbidden):
    """An API key may not do this: log out, change a user, or create, list or revoke API keys. A key that is limited to
    some trading accounts or environments may also not connect or disconnect accounts, change credentials or the
    catalogue, or set the trading state or the dead-man's switch of the whole tenant."""


class ApiKeyNotFound(NotFound):
    """The tenant has no such API key, or it is another user's and the caller is no admin."""


class KeyNameTaken(Refused):
    """The user has a live API key with this name."""


class TooManyApiKeys(Refused):
    """The user has as many live API keys as one user may have; revoke one first."""


class EmailTaken(Refused):
    """Another user has this e-mail address."""


class WeakPassword(BadInput):
    """The password is too short or too long."""


class SignupClosed(Refused):
    """Sign-up is closed, or it needs an invitation."""


class InvalidInvitation(Refused):
    """The invitation is unknown, used, expired or for another address."""


class RateLimited(TooManyRequests):
    """Too many requests of this kind."""


class InvalidOneTimeToken(Refused):
    """The mailed token is unknown, used, replaced by a newer one, or expired."""


class ManagedByIssuer(Refused):
    """The user comes from an external issuer. E-mail and password can be changed only there."""


class IssuerUnavailable(Unavailable):
    """The external issuer's keys could not be fetched, so its tokens cannot be checked at the moment."""


# --- the platform itself


class Overloaded(Unavailable):
    """A queue is full. Nothing was changed; try again."""


class DatabaseUnavailable(Unavailable):
    """The database does not answer. The request may have been carried out; repeat it with the same key to find out."""


class Stopping(Unavailable):
    """The server is stopping. The request may have been carried out; repeat it with the same key to find out."""


class InternalError(CadenzaError):
    """A defect of the platform. The log has the details under the request id."""

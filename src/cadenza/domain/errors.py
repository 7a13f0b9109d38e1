"""The error catalogue: one class and one stable code per cause, with no knowledge of HTTP.

A class belongs to a kind (its base); the edges translate kinds to statuses. The code is the class name in capitals
unless stated, so that a code cannot drift from its class.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar


class CadenzaError(Exception):
    """A cause that the caller is told about: `code` is stable, the message is for people, `metadata` holds details."""

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
    """We do not know who is asking."""


class Forbidden(CadenzaError):
    """We know who is asking, and they may not."""

    def __init__(self, message: str, required: tuple[str, ...] = (), provided: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.required = required
        self.provided = provided


class NotFound(CadenzaError):
    """There is no such thing, or it belongs to somebody else."""


class TooManyRequests(CadenzaError):
    """A rate limit; `retry_after_s` says when to come back."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(CadenzaError):
    """A part we need does not answer just now; nothing was changed."""


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
    """The quantity is below the instrument's least."""


class MaxQuantity(Refused):
    """The quantity is above the instrument's most."""


class MinNotional(Refused):
    """Price times quantity is below the instrument's least."""


class MaxNotional(Refused):
    """Price times quantity is above the instrument's most."""


class InvalidPrice(Refused):
    """A price that the order type needs is missing, one that it must not have is given, or one is not positive."""


class InvalidQuantity(Refused):
    """The quantity is not positive, or out of the range of its quantity type."""


class UnsupportedOrderType(Refused):
    """The instrument does not take this order type."""


class UnsupportedTimeInForce(Refused):
    """The instrument does not take this time in force, or it does not go with the order type."""


class InvalidExpiry(Refused):
    """GTD without a future `expireAt`, or `expireAt` with another time in force."""


class InsufficientBalance(Refused):
    """The free balance does not cover the order."""


class InsufficientMargin(Refused):
    """The free margin does not cover the order."""


class InvalidLeverage(Refused):
    """The leverage is out of the account's range, or the account is not leveraged."""


class NoPosition(Refused):
    """The order is sized by a position and there is none on that side."""


class NoMarketPrice(Refused):
    """The order needs a market price and there is no fresh one."""


class QuoteUnusable(Refused):
    """The quote is unknown, expired, used, or of another account, instrument, side or quantity."""


class OrderAlreadyClosed(Refused):
    """The order is closed; it cannot be cancelled."""


class OrderNotFound(NotFound):
    """There is no such order in the account."""


# --- accounts and credentials


class AccountNotActive(Refused):
    """The trading account takes no new orders in its present status."""


class AccountDisconnected(Refused):
    """The trading account was disconnected; its history stays readable and connecting again makes a new one."""


class InvalidCredential(Refused):
    """The credential's fields do not fit its type or its venue."""


class CredentialRevoked(Refused):
    """The credential was revoked."""


class CredentialRejected(Refused):
    """The venue does not accept the credential."""


class ExternalAccountNotReachable(Refused):
    """The credentials do not reach that account at the venue."""


class EnvironmentNotAllowed(Refused):
    """The tenant may not use that environment (live, uat or paper)."""


class TradingAccountNotFound(NotFound):
    """There is no such trading account."""


class CredentialNotFound(NotFound):
    """There is no such credential."""


class SubscriptionNotFound(NotFound):
    """There is no such subscription."""


# --- market


class VenueNotSupported(Refused):
    """No connector for the venue is installed."""


class VenueUnavailable(Refused):
    """The venue does not answer; nothing was changed."""


class InstrumentNotFound(NotFound):
    """There is no such instrument."""


class SecurityNotFound(NotFound):
    """There is no such security."""


class InstrumentNotTradable(Refused):
    """The instrument is inactive, disabled or delisted."""


class InstrumentInUse(Refused):
    """Open orders or positions still refer to it."""


class OrderBookUnavailable(Refused):
    """There is no fresh order book; a stale one is never served."""


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
    """The refresh token was used before; its family is revoked."""


class InsufficientScope(Forbidden):
    """The token lacks a scope that the operation needs."""


class EmailTaken(Refused):
    """There is a user with this e-mail address."""


class WeakPassword(BadInput):
    """The password is too short or too long."""


class SignupClosed(Refused):
    """Sign-up is closed, or needs an invitation."""


class InvalidInvitation(Refused):
    """The invitation is unknown, used, expired or for another address."""


class RateLimited(TooManyRequests):
    """Too many requests of this kind."""


class InvalidOneTimeToken(Refused):
    """The mailed token is unknown, used, replaced by a newer one, or expired."""


class ManagedByIssuer(Refused):
    """The user comes from an external issuer, which alone changes e-mail and password."""


class IssuerUnavailable(Unavailable):
    """The external issuer's keys could not be fetched, so its tokens cannot be checked just now."""


# --- the house itself


class Overloaded(Unavailable):
    """A bounded queue is full; nothing was changed, try again."""


class DatabaseUnavailable(Unavailable):
    """The database does not answer; nothing was changed, or the outcome is found by repeating with the same key."""


class Stopping(Unavailable):
    """The server is stopping and waits no longer; the outcome is found by repeating with the same key."""


class InternalError(CadenzaError):
    """A defect of ours; the log has it under the request id."""

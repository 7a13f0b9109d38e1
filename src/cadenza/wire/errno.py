"""The one registry of errors: a number and a code for every cause. Numbers never change; new causes get new ones. A
number reads -AABBB: AA is the area (10 requests, 20 orders, 30 accounts and credentials, 40 market, 50 identity, 90 the
platform itself).
"""

from dataclasses import dataclass

from cadenza.domain import errors as d
from cadenza.wire import errors as w

ERRNO_BY_CAUSE: dict[type[d.CadenzaError], int] = {
    d.InvalidRequest: -10001,
    d.InvalidCursor: -10002,
    d.PayloadTooLarge: -10003,
    w.UnknownPath: -10004,
    w.MethodNotAllowed: -10005,
    d.RateLimited: -10006,
    d.DuplicateClientOrderId: -20001,
    d.IdempotencyKeyReused: -20002,
    d.LotSize: -20003,
    d.PipSize: -20004,
    d.MinQuantity: -20005,
    d.MaxQuantity: -20006,
    d.MinNotional: -20007,
    d.MaxNotional: -20008,
    d.InvalidPrice: -20009,
    d.InvalidQuantity: -20010,
    d.UnsupportedOrderType: -20011,
    d.UnsupportedTimeInForce: -20012,
    d.InvalidExpiry: -20013,
    d.InsufficientBalance: -20014,
    d.InsufficientMargin: -20015,
    d.InvalidLeverage: -20016,
    d.NoPosition: -20017,
    d.NoMarketPrice: -20018,
    d.QuoteUnusable: -20019,
    d.OrderAlreadyClosed: -20020,
    d.OrderNotInDoubt: -20022,
    d.OrderNotFound: -20021,
    d.TooManyHeldOrders: -20023,
    d.TradingHalted: -20024,
    d.OrderNotReducing: -20025,
    d.RiskLimitExceeded: -20026,
    d.RiskNotMeasurable: -20027,
    d.DeadMansSwitchFired: -20028,
    d.MassCancelNotFound: -20029,
    d.AccountNotActive: -30001,
    d.AccountDisconnected: -30002,
    d.InvalidCredential: -30003,
    d.CredentialRevoked: -30004,
    d.CredentialRejected: -30005,
    d.ExternalAccountNotReachable: -30006,
    d.EnvironmentNotAllowed: -30007,
    d.TradingAccountNotFound: -30008,
    d.CredentialNotFound: -30009,
    d.SubscriptionNotFound: -30010,
    d.VenueNotSupported: -40001,
    d.VenueUnavailable: -40002,
    d.InstrumentNotFound: -40003,
    d.SecurityNotFound: -40004,
    d.InstrumentNotTradable: -40005,
    d.InstrumentInUse: -40006,
    d.OrderBookUnavailable: -40007,
    d.UnknownCurrency: -40008,
    d.InvalidToken: -50001,
    d.TokenExpired: -50002,
    d.InvalidCredentials: -50003,
    d.InvalidRefreshToken: -50004,
    d.RefreshTokenReused: -50005,
    d.InsufficientScope: -50006,
    d.EmailTaken: -50007,
    d.WeakPassword: -50008,
    d.SignupClosed: -50009,
    d.InvalidInvitation: -50010,
    d.InvalidOneTimeToken: -50011,
    d.ManagedByIssuer: -50012,
    d.IssuerUnavailable: -50013,
    d.KeyNotAllowed: -50014,
    d.ApiKeyNotFound: -50015,
    d.KeyNameTaken: -50016,
    d.TooManyApiKeys: -50017,
    d.Overloaded: -90001,
    d.DatabaseUnavailable: -90002,
    d.InternalError: -90003,
    d.Stopping: -90004,
}


@dataclass(frozen=True, slots=True)
class RegisteredError:
    """One row of the registry; `meaning` is the cause's own description."""

    errno: int
    cause: type[d.CadenzaError]

    @property
    def code(self) -> str:
        return self.cause.code

    @property
    def meaning(self) -> str:
        return " ".join((self.cause.__doc__ or "").split())


REGISTRY = tuple(RegisteredError(errno, cause) for cause, errno in ERRNO_BY_CAUSE.items())


def errno_of(error: d.CadenzaError) -> int:
    """Return the number of a cause. A cause that is not registered is a defect (`KeyError`), kept out by a test."""
    return ERRNO_BY_CAUSE[type(error)]

"""The venue's errors: a code, a word that clients compare, and details. The HTTP status follows from the code."""

from __future__ import annotations

from http import HTTPStatus

INVALID_PARAMS = -32602
UNAUTHORIZED = 13009
TOO_MANY_REQUESTS = 10028
INTERNAL_SERVER_ERROR = 11094

_STATUSES = {
    UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    13004: HTTPStatus.UNAUTHORIZED,
    13021: HTTPStatus.FORBIDDEN,
    TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    INTERNAL_SERVER_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class DeribitRefusal(Exception):
    """A refusal in the venue's words. One that `ends_session` closes the socket on which it was sent."""

    def __init__(
        self, code: int, message: str, data: dict[str, object] | None = None, *, ends_session: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.ends_session = ends_session

    @property
    def payload(self) -> dict[str, object]:
        error: dict[str, object] = {"message": self.message, "code": self.code}
        return error if self.data is None else error | {"data": self.data}

    @property
    def status(self) -> int:
        return _STATUSES.get(self.code, HTTPStatus.BAD_REQUEST)


# The request


def parse_error() -> DeribitRefusal:
    return DeribitRefusal(-32700, "Parse error")


def invalid_request(reason: str) -> DeribitRefusal:
    return DeribitRefusal(-32600, "request entity is not a valid request", {"reason": reason})


def method_not_found(name: str) -> DeribitRefusal:
    return DeribitRefusal(-32601, "Method not found", {"method": name})


def invalid_params(param: str, reason: str) -> DeribitRefusal:
    return DeribitRefusal(INVALID_PARAMS, "Invalid params", {"param": param, "reason": reason})


def must_be_websocket_request() -> DeribitRefusal:
    return DeribitRefusal(10030, "must_be_websocket_request")


# Access


def unauthorized(reason: str | None = None) -> DeribitRefusal:
    return DeribitRefusal(UNAUTHORIZED, "unauthorized", None if reason is None else {"reason": reason})


def invalid_credentials() -> DeribitRefusal:
    return DeribitRefusal(13004, "invalid_credentials")


def forbidden(scope: str) -> DeribitRefusal:
    return DeribitRefusal(13021, "forbidden", {"reason": f"scope {scope} is needed"})


def raw_not_available() -> DeribitRefusal:
    return DeribitRefusal(13778, "raw_subscriptions_not_available_for_unauthorized")


def too_many_requests() -> DeribitRefusal:
    """The venue answers so and closes the session."""
    return DeribitRefusal(TOO_MANY_REQUESTS, "too_many_requests", ends_session=True)


# Trouble of the venue's own


def timed_out() -> DeribitRefusal:
    """Also the answer to a request whose `valid_until` has passed: the word alone does not say which it was."""
    return DeribitRefusal(13888, "timed_out")


def internal_server_error() -> DeribitRefusal:
    return DeribitRefusal(INTERNAL_SERVER_ERROR, "internal_server_error")


# Instruments and orders


def instrument_not_found() -> DeribitRefusal:
    return DeribitRefusal(13020, "not_found")


def unsupported_instrument() -> DeribitRefusal:
    return DeribitRefusal(10020, "invalid_or_unsupported_instrument")


def book_closed() -> DeribitRefusal:
    return DeribitRefusal(10012, "book_closed")


def settlement_in_progress() -> DeribitRefusal:
    return DeribitRefusal(10041, "settlement_in_progress")


def quantity_too_low() -> DeribitRefusal:
    return DeribitRefusal(10002, "qty_too_low")


def price_wrong_tick() -> DeribitRefusal:
    return DeribitRefusal(10043, "price_wrong_tick")


def trigger_price_wrong_tick() -> DeribitRefusal:
    return DeribitRefusal(10044, "trigger_price_wrong_tick")


def trigger_price_too_high() -> DeribitRefusal:
    return DeribitRefusal(10034, "trigger_price_too_high")


def trigger_price_too_low() -> DeribitRefusal:
    return DeribitRefusal(10035, "trigger_price_too_low")


def no_more_triggers(most: int) -> DeribitRefusal:
    return DeribitRefusal(11035, f"no_more_triggers {most}")


def not_enough_funds() -> DeribitRefusal:
    return DeribitRefusal(10009, "not_enough_funds")


def order_overlap() -> DeribitRefusal:
    return DeribitRefusal(10003, "order_overlap")


def post_only_reject() -> DeribitRefusal:
    return DeribitRefusal(11054, "post_only_reject")


def no_price_for_post_only() -> DeribitRefusal:
    return DeribitRefusal(11021, "post_only_price_modification_not_possible")


def other_reject(reason: str) -> DeribitRefusal:
    return DeribitRefusal(11030, "other_reject", {"reason": reason})


def order_not_found() -> DeribitRefusal:
    return DeribitRefusal(10004, "order_not_found")


def already_filled() -> DeribitRefusal:
    return DeribitRefusal(11008, "already_filled")


def not_open_order() -> DeribitRefusal:
    return DeribitRefusal(11044, "not_open_order")


def non_unique_label() -> DeribitRefusal:
    return DeribitRefusal(13032, "non_unique_order_label")

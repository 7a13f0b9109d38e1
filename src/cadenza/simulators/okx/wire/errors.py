"""The venue's refusals: of a whole request with an HTTP status, and of one order of it with a code of its own."""

from __future__ import annotations

from decimal import Decimal

from cadenza.domain.money import to_plain


class VenueRefusal(Exception):
    """A refusal of a whole request."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @property
    def payload(self) -> dict[str, object]:
        return {"code": self.code, "data": [], "msg": self.message}


class OkxOrderRefusal(Exception):
    """A refusal of one order: its `sCode` and `sMsg`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def too_many_requests() -> VenueRefusal:
    return VenueRefusal("50011", "Too Many Requests", 429)


def unauthorized(code: str, message: str) -> VenueRefusal:
    return VenueRefusal(code, message, 401)


def timed_out() -> VenueRefusal:
    text = "API endpoint request timeout (does not mean that the request was successful or failed, please check)."
    return VenueRefusal("50004", text, 400)


def empty_parameter(name: str) -> VenueRefusal:
    return VenueRefusal("50014", f"Parameter {name} can not be empty", 400)


def wrong_parameter(name: str) -> VenueRefusal:
    return VenueRefusal("51000", f"Parameter {name} error", 400)


def wrong_field(name: str) -> OkxOrderRefusal:
    return OkxOrderRefusal("51000", f"Parameter {name} error")


def unknown_instrument() -> OkxOrderRefusal:
    return OkxOrderRefusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")


def wrong_mode() -> OkxOrderRefusal:
    return OkxOrderRefusal("51010", "You can't complete this request under your current account mode.")


def duplicate_id() -> OkxOrderRefusal:
    return OkxOrderRefusal("51016", "Client order ID already exists.")


def insufficient(asset: str) -> OkxOrderRefusal:
    return OkxOrderRefusal("51008", f"Order failed. Insufficient {asset} balance in account.")


def insufficient_margin(asset: str) -> OkxOrderRefusal:
    return OkxOrderRefusal("51008", f"Order failed. Insufficient {asset} margin in account")


def outside_band(buy: Decimal, sell: Decimal) -> OkxOrderRefusal:
    text = f"The highest price limit for buy orders is {to_plain(buy)}, the lowest for sell orders {to_plain(sell)}."
    return OkxOrderRefusal("51006", text)


def cancel_failed() -> OkxOrderRefusal:
    text = "Cancellation failed as the order has been filled, canceled or does not exist."
    return OkxOrderRefusal("51400", text)


def amend_failed() -> OkxOrderRefusal:
    text = "Order modification failed as the order has been filled, canceled or does not exist."
    return OkxOrderRefusal("51503", text)


def no_such_order() -> VenueRefusal:
    return VenueRefusal("51603", "Order does not exist")

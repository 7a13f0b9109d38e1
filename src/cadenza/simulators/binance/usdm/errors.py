"""Refusals that only USD-M gives."""

from __future__ import annotations

from cadenza.simulators.binance.wire.errors import VenueRefusal

GOOD_TILL_TEXT = (
    "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than 253402300799000"
)


def margin_insufficient() -> VenueRefusal:
    return VenueRefusal(-2019, "Margin is insufficient.")


def would_trigger() -> VenueRefusal:
    return VenueRefusal(-2021, "Order would immediately trigger.")


def reduce_only_rejected() -> VenueRefusal:
    return VenueRefusal(-2022, "ReduceOnly Order is rejected.")


def fok_rejected() -> VenueRefusal:
    text = (
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history"
    )
    return VenueRefusal(-5021, text)


def post_only_rejected() -> VenueRefusal:
    text = (
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history"
    )
    return VenueRefusal(-5022, text)


def duplicate_id() -> VenueRefusal:
    return VenueRefusal(-4116, "ClientOrderId is duplicated.")


def position_side_mismatch() -> VenueRefusal:
    return VenueRefusal(-4061, "Order's position side does not match user's setting.")


def use_algo_service() -> VenueRefusal:
    text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
    return VenueRefusal(-4120, text)


def symbol_closed() -> VenueRefusal:
    return VenueRefusal(-4141, "Symbol is closed.")


def bad_good_till() -> VenueRefusal:
    return VenueRefusal(-5040, GOOD_TILL_TEXT)


def interval_too_long(days: int) -> VenueRefusal:
    return VenueRefusal(-4165, f"Maximum time interval is {days} days.")

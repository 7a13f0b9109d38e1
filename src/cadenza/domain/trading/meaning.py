"""When two requests mean the same order."""

from dataclasses import replace

from cadenza.domain.market.enums import TimeInForce
from cadenza.domain.trading.checks import effective_time_in_force
from cadenza.domain.trading.commands import SubmitOrderRequest


def as_meant(request: SubmitOrderRequest) -> SubmitOrderRequest:
    """Leave out a time in force that equals the default, so that both forms of the request have one fingerprint."""
    if request.time_in_force is None:
        return request
    unsaid = replace(request, time_in_force=None)
    # A MARKET order is IOC, and takes GTC for it.
    return unsaid if request.time_in_force in (effective_time_in_force(unsaid), TimeInForce.GTC) else request

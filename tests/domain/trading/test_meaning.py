"""Two forms of a request that mean the same order have one fingerprint; others have not."""

import pytest

from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.trading.meaning import as_meant
from tests.domain.trading.worlds import request


@pytest.mark.parametrize(
    ("type", "time_in_force", "is_default"),
    [
        (OrderType.LIMIT, TimeInForce.GTC, True),
        (OrderType.LIMIT, TimeInForce.IOC, False),
        (OrderType.LIMIT, TimeInForce.DAY, False),
        (OrderType.MARKET, TimeInForce.IOC, True),
        (OrderType.MARKET, TimeInForce.GTC, True),
        (OrderType.MARKET, TimeInForce.FOK, False),
    ],
)
def test_a_time_in_force_that_goes_without_saying_changes_nothing(
    type: OrderType, time_in_force: TimeInForce, is_default: bool
) -> None:
    said, unsaid = (as_meant(request(type=type, time_in_force=each)) for each in (time_in_force, None))
    assert (said.fingerprint() == unsaid.fingerprint()) is is_default
    assert said.time_in_force is (None if is_default else time_in_force)

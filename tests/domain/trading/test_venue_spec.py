"""What follows from what a venue can do."""

import pytest

from cadenza.domain import errors as e
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.venue_spec import Lookup, Replay, Support
from tests.domain.trading.worlds import NOW_MS, state, submit, venue_spec


@pytest.mark.parametrize(
    ("replay", "lookup", "snapshots", "with_orders", "without_orders"),
    [
        (None, Lookup(), True, True, True),
        (None, None, True, False, True),
        (None, Lookup(), False, False, True),
        (None, None, False, False, True),
        (Replay(), Lookup(), True, False, False),
    ],
)
def test_a_gap_is_expected_only_where_a_missing_replay_hides_nothing_of_a_known_order(
    replay: Replay | None, lookup: Lookup | None, snapshots: bool, with_orders: bool, without_orders: bool
) -> None:
    spec = venue_spec(replay=replay, lookup=lookup, snapshots=snapshots)
    assert spec.is_gap_expected(has_orders=True) is with_orders
    assert spec.is_gap_expected(has_orders=False) is without_orders


def test_an_order_that_ends_sooner_than_its_venue_takes_is_refused_before_it_is_recorded() -> None:
    spec = venue_spec(expiry_ms_min={InstrumentType.SPOT: 600_000})
    soon = {"time_in_force": TimeInForce.GTD, "expire_at_ms": NOW_MS + 600_000}
    with pytest.raises(e.InvalidExpiry, match="more than 600 s from now"):
        submit(state(spec=spec), **soon)
    assert submit(state(spec=spec), **{**soon, "expire_at_ms": NOW_MS + 600_001}).expire_at_ms == NOW_MS + 600_001
    times = {TimeInForce.GTC: Support.NATIVE, TimeInForce.GTD: Support.EMULATED}
    emulated = venue_spec(
        expiry_ms_min={InstrumentType.SPOT: 600_000}, orders={InstrumentType.SPOT: {OrderType.LIMIT: times}}
    )
    assert submit(state(spec=emulated), **soon).expire_at_ms == NOW_MS + 600_000, "the platform ends it"

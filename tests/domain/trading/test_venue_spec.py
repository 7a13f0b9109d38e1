"""What follows from what a venue can do."""

import pytest

from cadenza.domain.trading.venue_spec import Lookup, Replay
from tests.domain.trading.worlds import venue_spec


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

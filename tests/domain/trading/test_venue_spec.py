"""What follows from what a venue can do."""

import pytest

from cadenza.domain.trading.venue_spec import Lookup, Replay
from tests.domain.trading.worlds import venue_spec


@pytest.mark.parametrize(
    ("replay", "lookup", "snapshots", "is_expected"),
    [
        (None, Lookup(), True, True),
        (None, None, True, False),
        (None, Lookup(), False, False),
        (Replay(), Lookup(), True, False),
    ],
)
def test_a_gap_is_expected_only_where_asking_shows_what_a_missing_replay_leaves_out(
    replay: Replay | None, lookup: Lookup | None, snapshots: bool, is_expected: bool
) -> None:
    spec = venue_spec(replay=replay, lookup=lookup, snapshots=snapshots)
    assert spec.is_gap_expected is is_expected

"""Which of several orders with our id is ours: by their lines, and by the dates that ours may have."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.adapters.bitfinex.account_world import NOW_MS, SPOT, order, order_row, raw
from tests.adapters.kit.test_placing_times import Venue

from cadenza.adapters.venues.bitfinex.order_match import FoundOrder, Match, match_of
from cadenza.adapters.venues.kit.order_facts import OrderFacts
from cadenza.adapters.venues.kit.placing_times import PlacingTimes
from cadenza.domain.trading.order import Order


class Fitting(PlacingTimes):
    """Times at which whatever has a date can have been placed."""

    def fit(self, order: Order, placed_at_ms: int | None) -> bool:
        return placed_at_ms is not None


def _found(**changes: Any) -> FoundOrder:
    found = FoundOrder.of(raw(order_row(**changes)), is_past=False)
    assert found is not None
    return found


def _match(*found: FoundOrder) -> Match:
    return match_of(order(), found, SPOT, Fitting(Venue().measured, held_up_ms=0))


def _facts(found: FoundOrder) -> OrderFacts:
    return found.facts(SPOT)


Rows = dict[str, Any]
OURS: Rows = {"id": 1}
AMENDED: dict[str, Callable[[], Rows]] = {
    "its row states the type before": lambda: {"type_before": "EXCHANGE LIMIT"},
    "changed since, and not executed": lambda: {"updated": NOW_MS + 5_000},
}
EXECUTED: Rows = {"left": 0.3, "status": "PARTIALLY FILLED @ 59000.0(0.2)", "updated": NOW_MS + 5_000}


def test_the_only_one_with_our_terms_is_ours() -> None:
    other = _found(id=2, price=58_000)
    match = _match(_found(**OURS), other)
    assert match.own is not None
    assert match.own.mark.id == 1
    assert not match.is_empty


@pytest.mark.parametrize("how", AMENDED)
def test_an_order_that_was_amended_is_not_recognized_and_nothing_beside_it(how: str) -> None:
    amended = _found(id=2, **AMENDED[how]())
    assert (_match(amended).own, len(_match(amended).rivals)) == (None, 1)
    match = _match(_found(**OURS), amended)
    assert (match.own, len(match.rivals)) == (None, 2)


def test_an_execution_changes_an_order_and_amends_nothing() -> None:
    found = _found(**EXECUTED)
    assert _match(found).own == found


def test_two_with_our_terms_are_rivals() -> None:
    match = _match(_found(**OURS), _found(id=2))
    assert (match.own, [each.mark.id for each in match.rivals]) == (None, [1, 2])
    adopted = {report.venue_order_id: report.sent_id for report in match.placed_elsewhere(_facts)}  # type: ignore[attr-defined]
    assert adopted == {"1": None, "2": None}


def test_one_without_a_date_may_be_ours_and_is_not_taken_for_it() -> None:
    match = _match(_found(created=0, updated=0))
    assert (match.own, len(match.rivals)) == (None, 1)


def test_one_that_cannot_be_read_is_shown_if_no_other_may_be_ours() -> None:
    odd = _found(id=3, type="EXCHANGE ODD")
    assert _match(odd).unreadable == odd
    match = _match(odd, _found(id=2, price=58_000))
    assert (match.unreadable, len(match.rivals)) == (None, 2)
    match = _match(odd, _found(**OURS))
    assert match.own is not None


def test_one_of_another_wallet_or_side_is_a_strangers() -> None:
    assert _match(_found(type="LIMIT")).is_empty
    match = _match(_found(left=-0.5, amount=-0.5))
    assert (match.is_empty, len(match.strangers)) == (True, 1)
    assert [report.sent_id for report in match.placed_elsewhere(_facts)] == [None, None]  # type: ignore[attr-defined]

"""Each event says who caused it: its own decision's origin, and no neighbour's."""

from uuid import UUID

import pytest

from cadenza.domain.accounts.trading_account import AccountStatus
from cadenza.domain.identity.origin import OPERATOR, PLATFORM, VENUE, Origin
from cadenza.domain.ids import UserId
from cadenza.domain.trading.events import AccountUpdated
from cadenza.domain.trading.state import TradingState
from tests.domain.trading.worlds import ACCOUNT, account, state, submit

ANN = Origin(user_id=UserId(UUID(int=70)), request_id="r-1", client="203.0.113.5")


def origins(where: TradingState) -> list[Origin]:
    return [event.origin for event in where.changed.events]


def test_what_nobody_asked_for_is_the_platforms() -> None:
    where = state()
    submit(where)
    where.record_order_events()
    assert origins(where) == [PLATFORM]


def test_a_decision_for_a_user_carries_the_user() -> None:
    where = state()
    where.act_for(ANN)
    submit(where)
    where.emit(ACCOUNT, AccountUpdated(account(status=AccountStatus.INACTIVE)))
    where.record_order_events()
    assert origins(where) == [ANN, ANN]
    assert where.changed.events[0].order_id is None
    assert where.changed.events[1].order_id == UUID(int=100)


def test_what_one_caused_is_not_recorded_as_the_next_ones() -> None:
    where = state()
    where.act_for(VENUE)
    submit(where, number=1)
    where.act_for(OPERATOR)
    submit(where, number=2)
    where.record_order_events()
    assert origins(where) == [VENUE, OPERATOR]


def test_a_refused_change_leaves_no_event_of_its_origin() -> None:
    where = state()
    before = where.savepoint()
    where.act_for(ANN)
    submit(where, number=1)
    where.act_for(VENUE)
    assert origins(where) == [ANN]
    where.roll_back(before)
    where.record_order_events()
    assert origins(where) == []


@pytest.mark.parametrize("origin", [OPERATOR, PLATFORM, VENUE])
def test_only_a_user_has_particulars(origin: Origin) -> None:
    assert (origin.user_id, origin.key_id, origin.request_id, origin.client) == (None, None, "", "")

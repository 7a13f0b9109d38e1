"""What is known of an order that could not be handed to its session."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from cadenza.application.orders.halted_accounts import HaltedAccounts
from cadenza.application.orders.send_order import SendOrder
from cadenza.domain.errors import DatabaseUnavailable, VenueUnavailable
from cadenza.domain.ids import OrderId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import NotSentReport, Report
from tests.adapters.binance.binance_world import order as make_order


@pytest.mark.parametrize("failing", ["session", "database"])
async def test_whatever_fails_before_the_session_is_called_proves_that_nothing_was_sent(failing: str) -> None:
    order, booked = make_order(), []

    async def session_for(*arguments: object) -> object:
        if failing == "session":
            raise VenueUnavailable("no session")
        return None

    async def commit(change: object) -> Order:
        raise DatabaseUnavailable("the database does not answer")

    async def apply(reports: Sequence[Report], **options: object) -> Mapping[OrderId, Order]:
        booked.extend(reports)
        return {}

    parts: Any = SimpleNamespace
    send = SendOrder(
        committer=parts(commit=commit),
        intake=parts(apply=apply),
        sessions=parts(takes_orders=lambda _: False, session_for=session_for, has_reported_all=lambda _: False),
        sending=parts(awaiting_reply=lambda _: nullcontext()),
        halted=HaltedAccounts(lambda is_meant: None),
        clock=parts(now_ms=lambda: 7),
        concurrency=parts(),
        failpoints=parts(reach=lambda _: None),
    )
    await send(order)
    (report,) = booked
    assert isinstance(report, NotSentReport)
    assert (report.order_id, report.recorded_at_ms) == (order.id, order.created_at_ms)

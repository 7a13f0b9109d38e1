"""Which reports of a replay closed orders already contain."""

from typing import Any
from uuid import UUID

import pytest

from cadenza.application.orders.leave_out_known import leave_out_known
from cadenza.domain.ids import OrderId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.reports import CanceledReport, RejectedReport, Report
from cadenza.ports.storage.trading import FinishedOrder
from tests.domain.trading.worlds import ACCOUNT, BTC, NOW_MS, D


class Finished:
    """`OrderQueries.finished` over two orders of one client id, and one that was refused before it got an id."""

    async def finished(self, account_id: object, **ids: Any) -> list[FinishedOrder]:
        return [
            FinishedOrder(
                order_id=OrderId(UUID(int=number)), instrument_id=BTC, side=Side.BUY, sent_id=sent_id,
                venue_order_id=venue_order_id, executed_quantity=D(0), executions={},
            )
            for number, (sent_id, venue_order_id) in enumerate((("bot-1", "v1"), (None, "v2"), ("refused", None)))
        ]  # fmt: skip


def canceled(venue_order_id: str | None, sent_id: str | None = "bot-1") -> Report:
    return CanceledReport(
        account_id=ACCOUNT, instrument_id=BTC, sent_id=sent_id, venue_order_id=venue_order_id, at_ms=NOW_MS,
        reason=CancelReason.USER, executed_quantity=D(0),
    )  # fmt: skip


def rejected(sent_id: str) -> Report:
    return RejectedReport(account_id=ACCOUNT, instrument_id=BTC, sent_id=sent_id, at_ms=NOW_MS, reason="OTHER")


@pytest.mark.parametrize("known", [canceled("v1"), canceled("v2"), canceled(None), rejected("refused")])
async def test_a_report_that_its_order_contains_is_left_out(known: Report) -> None:
    assert await leave_out_known(Finished(), ACCOUNT, [known]) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("news", [canceled("v3"), rejected("another")])
async def test_a_report_about_another_order_is_not(news: Report) -> None:
    assert await leave_out_known(Finished(), ACCOUNT, [news]) == [news]  # type: ignore[arg-type]

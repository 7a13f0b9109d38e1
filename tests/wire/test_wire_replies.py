"""What we send is exact, in plain notation, and of the interface's shapes."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.http import http_world as w
from tests.contract.checker import assert_matches, check_instants

from cadenza.adapters.realtime.rpc_shapes import portfolio as rpc_portfolio
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.identity.origin import VENUE
from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.book_messages import MarketTrade
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.money import ZERO
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.events import (
    AccountEvent,
    AccountUpdated,
    BalanceCorrected,
    EventBody,
    OrderUpdated,
    PositionCorrected,
)
from cadenza.domain.trading.portfolio import MarkedPosition
from cadenza.wire.base import INSTANT_MS_MAX
from cadenza.wire.envelope import encode
from cadenza.wire.orders import trade_order
from cadenza.wire.own_operation import ITEMS_PER_SLICE, listing_in_slices
from cadenza.wire.portfolios import portfolio
from cadenza.wire.push import encode_account_event, encode_order_book, encode_portfolio, encode_trade
from cadenza.wire.values import decimal_of, rfc3339

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=D("-1e19"), max_value=D("1e19"), places=18)
instants = st.integers(min_value=0, max_value=INSTANT_MS_MAX)


def shown(order: Any) -> dict[str, Any]:
    return json.loads(encode(trade_order(order)))


def test_an_order_with_all_its_parts() -> None:
    order = shown(w.FILLED_PARTLY)
    assert order["executions"] == [
        {
            "executionId": str(w.EXECUTION.id),
            "externalTradeId": "t-1",
            "venue": "PAPER",
            "instrumentId": "PAPER:BTC/USDT",
            "orderSide": "BUY",
            "executedQuantity": "10",
            "executedPrice": "64250.5",
            "executedCost": "642505",
            "fees": [{"security": "PAPER:USDT", "asset": "USDT", "venue": "PAPER", "quantity": "-0.00000001"}],
            "executedAt": w.NOW_MS,
            "executedAtDateTime": "2026-09-21T14:13:20.123Z",
        }
    ]
    assert (order["quantity"], order["quantityRounding"], order["status"]) == ("25.5", "", "PARTIALLY_FILLED")
    assert "expireAt" not in order
    assert "cancelReason" not in order
    assert "stopPrice" not in order


def test_canceled_is_spelled_as_the_wire_does() -> None:
    order = shown(w.CANCELED)
    assert (order["status"], order["cancelReason"], order["canceledAt"]) == ("CANCELLED", "USER", w.NOW_MS)


@given(
    st.sampled_from(OrderStatus),
    st.sampled_from(OrderType),
    st.sampled_from(TimeInForce),
    decimals,
    st.none() | decimals,
    instants,
    st.none() | instants,
)
def test_any_order_conforms_and_is_exact(
    status: OrderStatus,
    order_type: OrderType,
    time_in_force: TimeInForce,
    quantity: D,
    limit_price: D | None,
    at_ms: int,
    expire_at_ms: int | None,
) -> None:
    order = replace(
        w.FILLED_PARTLY,
        status=status,
        type=order_type,
        time_in_force=time_in_force,
        asked_quantity=quantity,
        limit_price=limit_price,
        created_at_ms=at_ms,
        expire_at_ms=expire_at_ms,
        executed_quantity=ZERO,
        executed_cost=ZERO,
    )
    reply = shown(order)
    assert_matches("tradeOrder", reply)
    check_instants(reply)
    assert decimal_of("quantity", reply["quantity"]) == quantity
    assert (
        reply.get("limitPrice") is None if limit_price is None else decimal_of("p", reply["limitPrice"]) == limit_price
    )
    assert (reply["executedPrice"], reply["executedQuantity"], reply["executedCost"]) == ("0", "0", "0")


@given(instants)
def test_instants_are_written_to_the_millisecond(at_ms: int) -> None:
    check_instants({"at": at_ms, "atDateTime": rfc3339(at_ms)})


def pushed(body: EventBody) -> dict[str, Any]:
    event = AccountEvent(
        account_id=w.ACCOUNT_ID, tenant_id=w.TENANT_ID, sequence=1, at_ms=w.NOW_MS, body=body, origin=VENUE
    )
    return json.loads(encode_account_event(event))


BALANCE_CORRECTED = BalanceCorrected(account=w.ACCOUNT, asset="BTC", before=D(1), after=None, cause="snapshot")
POSITION_CORRECTED = PositionCorrected(
    account=w.ACCOUNT, instrument_id=w.BTC_USDT, side=PositionSide.NET, before=D(0), after=D(-1), cause="snapshot"
)


def test_account_events_carry_the_rest_shapes() -> None:
    for body, kind, schema in (
        (OrderUpdated.of(w.FILLED_PARTLY), "event.trade_order.updated", "tradeOrder"),
        (AccountUpdated(w.ACCOUNT), "event.trading_account.updated", "tradingAccount"),
        (BALANCE_CORRECTED, "event.trading_account.updated", "tradingAccount"),
        (POSITION_CORRECTED, "event.trading_account.updated", "tradingAccount"),
    ):
        published = pushed(body)
        assert published.keys() == {"type", "data"}
        assert published["type"] == kind
        assert_matches(schema, published["data"])
        check_instants(published["data"])


def test_an_order_is_pushed_with_the_executions_that_its_event_adds() -> None:
    early, late = (replace(w.EXECUTION, trade_id=f"t-{n}", executed_at_ms=w.NOW_MS + n) for n in (2, 3))
    order = replace(w.FILLED_PARTLY, executions=(w.EXECUTION, early, late))
    published = pushed(OrderUpdated.of(order, [late, early]))["data"]
    assert [execution["externalTradeId"] for execution in published["executions"]] == ["t-2", "t-3"]
    assert published | {"executions": []} == shown(order) | {"executions": []}, "the totals are of all executions"


def test_a_portfolio_is_pushed_in_the_rest_shape() -> None:
    published = json.loads(encode_portfolio(w.PORTFOLIO))
    assert published["type"] == "event.portfolio.updated"
    assert_matches("portfolio", published["data"])
    check_instants(published["data"])


def test_a_figure_that_lacks_a_position_does_not_look_whole() -> None:
    """REST and the pushes must state each sum; the socket's answers leave out those that lack a position."""
    gone = MarkedPosition(
        position=replace(w.POSITION, instrument_id=InstrumentId("PAPER:XBT/USD-4DEC26")), instrument=None, mark=None
    )
    lacking = (gone.position.instrument_id,)
    summary = replace(w.PORTFOLIO.summary, unmarked=lacking, unmargined=lacking, unrequired=lacking)
    view = replace(w.PORTFOLIO, positions=(gone,), summary=summary)
    rest, answered = json.loads(encode(portfolio(view))), json.loads(encode(rpc_portfolio(view)))
    assert_matches("portfolio", rest)
    assert_matches("rpcPortfolio", answered)
    for position in (*rest["positions"], *answered["positions"]):
        assert (position["securitySymbol"], position["securityType"]) == ("XBT", "DERIVATIVE")
        assert not {"entryPrice", "exitPrice", "currentPrice", "unrealizedPnl"} & position.keys()
    assert (rest["summary"]["equity"], rest["summary"]["marginUsage"]) == ("1000000", "0")
    assert "riskExposureRate" not in rest["summary"]
    assert answered["summary"].keys() == {"tradingAccountId", "currency", "marginLoan", "credit"}


def test_a_profit_that_is_not_known_is_not_said_to_be_none() -> None:
    held = MarkedPosition(position=replace(w.POSITION, realized_pnl=None), instrument=None, mark=None)
    view = replace(w.PORTFOLIO, positions=(held,))
    rest, answered = json.loads(encode(portfolio(view))), json.loads(encode(rpc_portfolio(view)))
    assert_matches("portfolio", rest)
    assert_matches("rpcPortfolio", answered)
    assert not any("realizedPnl" in position for position in (*rest["positions"], *answered["positions"]))


def test_a_summary_that_lacks_an_asset_has_no_rate_of_exposure() -> None:
    view = replace(w.PORTFOLIO, summary=replace(w.PORTFOLIO.summary, unpriced=("XRP",)))
    rest, answered = json.loads(encode(portfolio(view))), json.loads(encode(rpc_portfolio(view)))
    for summary in (rest["summary"], answered["summary"]):
        assert "riskExposureRate" not in summary
        assert (summary["equity"], summary["marginUsage"]) == ("1000000", "0")
    assert "riskExposureRate" in json.loads(encode(portfolio(w.PORTFOLIO)))["summary"]


def test_a_book_is_pushed_in_the_rest_shape() -> None:
    reply = json.loads(encode_order_book(w.BOOK))
    assert reply["type"] == "event.orderbook.updated"
    assert_matches("orderbook", reply["data"])
    assert reply["data"]["bids"] == [["64250", "1.5"]]
    assert reply["data"]["asks"] == [["64251", "10"]]


def test_a_trade_of_the_tape() -> None:
    trade = MarketTrade(
        instrument_id=w.BTC_USDT, trade_id="9", price=D("1E+2"), quantity=D("0.10"), aggressor=Side.SELL, at_ms=w.NOW_MS
    )
    assert json.loads(encode_trade(trade)) == {
        "type": "event.trade.updated",
        "data": {
            "instrumentId": "PAPER:BTC/USDT",
            "venue": "PAPER",
            "symbol": "BTC/USDT",
            "tradeId": "9",
            "price": "100",
            "quantity": "0.1",
            "side": "SELL",
            "timestamp": w.NOW_MS,
        },
    }


@given(instants)
def test_instants_are_written_as_rfc_3339_with_milliseconds(at_ms: int) -> None:
    exact = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    assert rfc3339(at_ms) == exact.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("count", [0, 1, ITEMS_PER_SLICE, 3 * ITEMS_PER_SLICE + 1])
async def test_a_long_page_is_written_whole_and_lets_others_run(count: int) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    listed = await listing_in_slices(w.page(*range(count)), str)
    running.cancel()
    assert listed.data == [str(number) for number in range(count)]
    assert listed.pagination.total == count
    assert turns >= max(0, (count - 1) // ITEMS_PER_SLICE)

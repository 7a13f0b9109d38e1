"""USD-M over its wire: conditional orders and what they become, positions, hedged accounts, listen keys."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.binance_kit import ASK, BID, Desk, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import RecordingSink, kinds, replayed, until
from tests.simulators.binance.trader import Trader

from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.stream import KEEP_LISTEN_KEY_MS
from cadenza.adapters.venues.kit.account_settings import READ_AGAIN_MS
from cadenza.adapters.venues.kit.stream_check import CHECK_EVERY_MS
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    ExternalOrderReport,
    FillReport,
    OrderReport,
    PositionReport,
    RejectedReport,
)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market="usdm") as opened:
        yield opened


async def trade_at(desk: Desk, price: D) -> None:
    """Others trade at this price: it is the last price then."""
    await desk.venue.post(
        "market",
        {
            "market": "usdm",
            "symbol": "BTCUSDT",
            "trade_side": "BUY",
            "trade_price": str(price),
            "trade_quantity": "0.001",
        },
    )


def stop(desk: Desk, **fields: Any) -> Order:
    """A BUY that waits above the market."""
    found = {"type": OrderType.STOP, "stop": "60100", **fields}
    return replace(desk.limit("0.5", None, **found), time_in_force=TimeInForce.GTC)


def everything(desk: Desk, order: Order, *replies: Any) -> Order:
    return believed(order, [*(each for reply in replies for each in reply), *desk.sink.reports])


async def test_a_stop_waits_in_the_algo_service_and_can_be_canceled(desk: Desk) -> None:
    order = stop(desk)
    accepted = await desk.session.submit(order)
    assert kinds(accepted) == ["Accepted"]
    known = everything(desk, order, accepted)
    assert (known.venue_order_id or "").startswith("algo-")
    (shown,) = (await desk.session.snapshot()).open_orders
    assert (shown.sent_id, shown.stop_price, shown.quantity) == (order.sent_id, D(60100), D("0.5"))
    assert everything(desk, order, accepted, await desk.session.lookup([known])).status is OrderStatus.ACCEPTED
    canceled = await desk.session.cancel(known)
    assert everything(desk, order, accepted, canceled).status is OrderStatus.CANCELED
    assert abs(canceled[-1].at_ms - desk.session.venue_time_ms()) < 60_000
    assert kinds(await desk.session.cancel(known))[-1] == "CancelRefused"


async def test_a_stop_that_is_triggered_gets_another_number_and_its_fills(desk: Desk) -> None:
    order = stop(desk)
    accepted = await desk.session.submit(order)
    await trade_at(desk, D(60100))
    await until(lambda: everything(desk, order, accepted).status is OrderStatus.FILLED, "the fills")
    end = everything(desk, order, accepted)
    assert end.executed_quantity == D("0.5")
    assert (end.venue_order_id or "").isdigit()
    assert end.former_venue_order_ids
    renames = [each for each in desk.sink.of(AcceptedReport) if each.former_venue_order_id]
    assert renames, "the stream says which order it became"


async def test_a_lookup_follows_a_stop_to_what_it_became(desk: Desk) -> None:
    """Nothing came over the stream."""
    order = stop(desk)
    await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})
    accepted = await desk.session.submit(order)
    await trade_at(desk, D(60100))
    shown = await desk.session.lookup([believed(order, accepted)])
    end = believed(order, [*accepted, *shown])
    assert (end.status, end.executed_quantity) == (OrderStatus.FILLED, D("0.5"))


@pytest.mark.parametrize("type", [OrderType.STOP, OrderType.STOP_LIMIT])
async def test_a_stop_that_was_triggered_while_nobody_listened_is_the_same_order(desk: Desk, type: OrderType) -> None:
    order = stop(desk, type=type)
    if type is OrderType.STOP_LIMIT:
        order = replace(order, limit_price=D(60110))
    await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})
    accepted = await desk.session.submit(order)
    await trade_at(desk, D(60100))
    news = await replayed(desk.session, desk.venue.clock.now_ms() - 60_000)
    link = next(each for each in news if isinstance(each, OrderReport) and (each.venue_order_id or "").isdigit())
    assert isinstance(link, AcceptedReport), "before anything else says what the order became"
    end = believed(order, [*accepted, *news])
    assert (end.status, end.executed_quantity) == (OrderStatus.FILLED, D("0.5"))


async def test_a_stop_whose_answer_was_lost_is_found_by_our_id(desk: Desk) -> None:
    order = replace(stop(desk, type=OrderType.STOP_LIMIT), limit_price=D(60110))
    await desk.venue.fault("algoOrder.place", "reset_after")
    reply = await desk.session.submit(order)
    assert kinds(reply) == ["UnknownOutcome"]
    shown = await desk.session.lookup([order])
    assert believed(order, [*reply, *shown]).status is OrderStatus.ACCEPTED


async def test_a_conditional_order_is_identified_before_and_after_its_trigger(desk: Desk) -> None:
    order = stop(desk)
    known = believed(order, await desk.session.submit(order))
    assert known.venue_order_id is not None
    (waiting, *_) = await desk.session.identify(desk.instrument.id, known.venue_order_id)
    assert (waiting.sent_id, waiting.venue_order_id) == (order.sent_id, known.venue_order_id)  # type: ignore[attr-defined]
    await trade_at(desk, D(60100))
    await until(lambda: everything(desk, known).status is OrderStatus.FILLED, "the fills")
    found = await desk.session.identify(desk.instrument.id, known.venue_order_id)
    assert everything(desk, known, found).executed_quantity == D("0.5")
    assert kinds(found)[:3] == ["ExternalOrder", "Accepted", "Fill"]
    assert await desk.session.identify(desk.instrument.id, "algo-none") == []


async def test_positions_and_wallets_follow_the_venues_word(desk: Desk) -> None:
    order = desk.limit("0.5", None, time_in_force=TimeInForce.IOC)
    reply = await desk.session.submit(order)
    await until(lambda: bool(desk.sink.of(PositionReport)), "the position")
    position = desk.sink.of(PositionReport)[-1]
    assert (position.side, position.quantity, position.entry_price) == (PositionSide.NET, D("0.5"), ASK)
    assert desk.sink.of(BalanceReport)[-1].total < D(100_000), "the fee was paid"
    snapshot = await desk.session.snapshot()
    assert [(each.quantity, each.entry_price) for each in snapshot.positions or ()] == [(D("0.5"), ASK)]
    await until(lambda: everything(desk, order, reply).status is OrderStatus.FILLED, "the fill")
    closing = desk.limit("0.5", None, Side.SELL, time_in_force=TimeInForce.IOC)
    await desk.session.submit(closing)
    await until(lambda: desk.sink.of(PositionReport)[-1].quantity == 0, "the end of the position")
    assert (await desk.session.snapshot()).positions == ()


def locked(sink: RecordingSink) -> D:
    """What a reading stated last as locked of the margin asset."""
    stated = [each.locked for each in sink.of(BalanceReport) if each.asset == "USDT"]
    return next((amount for amount in reversed(stated) if amount is not None), D(0))


async def test_leverage_margin_and_what_is_free_are_the_venues_word(desk: Desk) -> None:
    sink = desk.sink

    def passing(condition: Callable[[], bool]) -> Callable[[], bool]:
        """The condition, while time passes between two readings."""

        def holds() -> bool:
            desk.venue.clock.advance(20)
            return condition()

        return holds

    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=50)
        await desk.session.submit(desk.limit("0.5", None, time_in_force=TimeInForce.IOC))
        await until(lambda: bool(sink.of(PositionReport)), "the position")
        assert sink.of(PositionReport)[0].leverage == 50, "the stream's own word comes with the leverage"
        await until(lambda: sink.of(PositionReport)[-1].maintenance_margin is not None, "the reading")
        (row,) = (await trader.usdm("GET", "v3/positionRisk", symbol="BTCUSDT")).ok
        position, margin = sink.of(PositionReport)[-1], D(row["positionInitialMargin"])
        assert (position.leverage, position.maintenance_margin) == (50, D(row["maintMargin"]))
        assert locked(sink) >= margin > 0
        (shown,) = (await desk.session.snapshot()).positions or ()
        assert (shown.leverage, shown.maintenance_margin) == (50, D(row["maintMargin"]))
        await desk.session.submit(desk.limit("0.5", str(BID - 10)))
        more = margin + (BID - 10) / 100
        await until(passing(lambda: locked(sink) >= more), "the margin of the open order")
        await trader.usdm("POST", "v1/leverage", symbol="BTCUSDT", leverage=25)
        await until(
            passing(lambda: sink.of(PositionReport)[-1].leverage == 25), "the leverage that was set at the venue"
        )


async def test_post_only_and_gtd(desk: Desk) -> None:
    taking = replace(desk.limit("0.5", str(ASK)), time_in_force=TimeInForce.GTX)
    reply = await desk.session.submit(taking)
    end = everything(desk, taking, reply)
    if end.status is not OrderStatus.REJECTED:
        await until(lambda: everything(desk, taking, reply).is_closed, "the refusal")
    assert everything(desk, taking, reply).executed_quantity == 0
    making = replace(desk.limit("0.5", str(BID - 10)), time_in_force=TimeInForce.GTX)
    assert kinds(await desk.session.submit(making)) == ["Accepted"]
    expire_at_ms = desk.venue.clock.now_ms() + 700_000
    timed = replace(desk.limit("0.5", str(BID - 20)), time_in_force=TimeInForce.GTD, expire_at_ms=expire_at_ms)
    accepted = await desk.session.submit(timed)
    assert kinds(accepted) == ["Accepted"]
    soon = replace(timed, id=desk.limit("1", "1").id, expire_at_ms=desk.venue.clock.now_ms() + 60_000)
    assert isinstance((await desk.session.submit(soon))[0], RejectedReport)


async def test_a_leverage_is_refused_and_nothing_is_sent(desk: Desk) -> None:
    (report,) = await desk.session.submit(replace(desk.order, leverage=5))
    assert isinstance(report, RejectedReport)
    assert await desk.truth() == []


async def test_a_replay_brings_orders_fills_and_ends(desk: Desk) -> None:
    filled = desk.limit("0.5", None, time_in_force=TimeInForce.IOC)
    resting, canceled = desk.resting("0.1"), desk.resting("0.2")
    for order in (filled, resting, canceled):
        await desk.session.submit(order)
    await desk.session.cancel(canceled)
    again = await replayed(desk.session, desk.venue.clock.now_ms() - 60_000)
    statuses = [believed(order, again).status for order in (filled, resting, canceled)]
    assert statuses == [OrderStatus.FILLED, OrderStatus.ACCEPTED, OrderStatus.CANCELED]


async def test_a_listen_key_is_kept_alive_and_replaced_when_it_expired(desk: Desk) -> None:
    for _ in range(4):  # a leap of the clock is a silence too, so the stream may be opened again
        desk.venue.clock.advance(KEEP_LISTEN_KEY_MS + 1)
        await until(desk.session.is_caught_up, "the stream")
    keys = desk.venue.simulator.venue.usdm.listen_keys
    before = keys.of("main")
    assert before is not None
    await desk.venue.post("sockets", {"action": "terminate_user_streams"})
    await until(lambda: desk.session.is_caught_up() and keys.of("main") not in (None, before), "another key")
    assert kinds(await desk.session.submit(desk.resting())) == ["Accepted"]
    await until(lambda: "ExternalOrder" in kinds(desk.sink.reports), "the stream works")


async def test_a_hedged_account_keeps_two_rows(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue:
        venue.simulator.venue.usdm.ledger.set_hedged("main", is_hedged=True)
        async with open_desk(venue, market="usdm") as desk:
            external = desk.account.external
            assert (external.type, external.position_mode) == (AccountType.FUTURES, PositionMode.HEDGE)
            for side in Side:
                order = desk.limit("0.1", None, side, time_in_force=TimeInForce.IOC)
                assert kinds(await desk.session.submit(order)) == ["Accepted"]
            await until(lambda: len(desk.sink.of(PositionReport)) >= 2, "both positions")
            rows = {each.side: each.quantity for each in (await desk.session.snapshot()).positions or ()}
            assert rows == {PositionSide.LONG: D("0.1"), PositionSide.SHORT: D("-0.1")}


async def test_an_account_whose_position_mode_was_changed_sends_no_order(desk: Desk) -> None:
    """A SELL that reduces a netted position would open a short one beside it. What rests can be canceled."""
    accepted = await desk.session.submit(desk.order)
    ledger = desk.venue.simulator.venue.usdm.ledger
    ledger.set_hedged("main", is_hedged=True)
    (live,) = await desk.session.submit(desk.resting())
    assert isinstance(live, RejectedReport)
    assert "-4061" in live.reason, "a live session names no row, which the venue refuses"
    assert live.reason.endswith("the position mode at BINANCE may be HEDGE now; the account was connected with NETTING")
    session: Any = desk.session
    await until(lambda: session._orders.barred_by() is not None, "the reading of the settings")
    await desk.again()
    for side in Side:
        (report,) = await desk.session.submit(desk.limit("0.1", None, side, time_in_force=TimeInForce.IOC))
        assert isinstance(report, RejectedReport)
        assert "the position mode at BINANCE is HEDGE, and the account was connected with NETTING" in report.reason
    assert (await desk.session.snapshot()).positions == ()
    assert desk.believed(accepted, await desk.session.cancel(desk.order)).status is OrderStatus.CANCELED
    ledger.set_hedged("main", is_hedged=False)
    desk.venue.clock.advance(READ_AGAIN_MS)
    session = desk.session
    await until(lambda: session._orders.barred_by() is None, "the reading of the settings")
    assert kinds(await desk.session.submit(desk.resting())) == ["Accepted"]


async def test_funding_comes_in_as_a_balance(desk: Desk) -> None:
    order = desk.limit("0.5", None, time_in_force=TimeInForce.IOC)
    await desk.session.submit(order)
    await until(lambda: bool(desk.sink.of(PositionReport)), "the position")
    before = len(desk.sink.of(BalanceReport))
    await desk.venue.post("funding", {"symbol": "BTCUSDT", "rate": "0.001"})
    await until(lambda: len(desk.sink.of(BalanceReport)) > before, "the funding")


async def test_a_liquidation_comes_in_as_the_ledger_has_it(desk: Desk) -> None:
    """The venue's own order and its execution, the ends of all that waited, and the position's; a replay says the
    same."""
    opening, resting, waiting = desk.limit("20", None), desk.resting(), stop(desk, side=Side.SELL, stop="59000")
    await desk.venue.market("BTCUSDT", (Side.SELL, ASK, D(30)), market="usdm")
    replies = {order.id: await desk.session.submit(order) for order in (opening, resting, waiting)}
    await until(lambda: bool(desk.sink.of(PositionReport)), "the position")
    await desk.venue.market("BTCUSDT", clear=True, market="usdm")
    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        await trader.mark_usdm("40000")
    await until(lambda: desk.sink.of(PositionReport)[-1].quantity == 0, "the end of the position")
    await until(lambda: everything(desk, waiting, replies[waiting.id]).is_closed, "the end of the stop")
    ledger = (await desk.venue.get("truth"))["usdm"]
    (closing,) = (each for each in ledger["orders"] if each["type"] == "LIQUIDATION")
    (trade,) = (each for each in ledger["trades"] if each["order_id"] == closing["order_id"])

    for news in (desk.sink.reports, await replayed(desk.session, desk.venue.clock.now_ms() - 60_000)):
        (placed,) = {
            (each.venue_order_id, each.side, each.quantity)
            for each in news
            if isinstance(each, ExternalOrderReport) and each.is_liquidation
        }
        assert placed == (str(closing["order_id"]), Side.SELL, D(20))
        (fill,) = (each for each in news if isinstance(each, FillReport) and each.venue_order_id == placed[0])
        assert (fill.trade_id, fill.price, fill.quantity) == (str(trade["trade_id"]), D(trade["price"]), D(20))
        assert fill.fees[0].quantity == D(trade["commission"])
        ended = believed(resting, [*replies[resting.id], *news])
        assert (ended.status, ended.executed_quantity) == (OrderStatus.CANCELED, D(0))
    assert everything(desk, waiting, replies[waiting.id]).status is OrderStatus.CANCELED
    snapshot = await desk.session.snapshot()
    assert (snapshot.positions, snapshot.open_orders) == ((), ())
    (wallet,) = (each for each in ledger["wallets"] if each["asset"] == "USDT")
    (balance,) = (each for each in snapshot.balances or () if each.asset == "USDT")
    assert balance.total == D(wallet["balance"])


async def waiting_for_news(desk: Desk) -> Order:
    """Place an order and a stop, and return the order when the stream has brought both."""
    await desk.session.submit(stop(desk))
    await desk.session.submit(desk.order)
    await until(lambda: len(desk.sink.of(ExternalOrderReport)) >= 2, "the stream's word")
    return desk.order


async def test_open_orders_do_not_make_a_quiet_stream_a_silent_one(desk: Desk) -> None:
    await desk.session.snapshot()
    await waiting_for_news(desk)
    await desk.session.snapshot()
    session: Any = desk.session
    for _ in range(4):
        assert await session._life.agrees()


async def test_a_stream_that_is_silent_about_orders_alone_is_noticed(desk: Desk) -> None:
    """No money moves when an order is canceled by hand."""
    await desk.session.snapshot()
    order = await waiting_for_news(desk)
    await desk.venue.post("faults", {"events": [{"on": "user", "kind": "silence"}]})
    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        gone = await trader.usdm("DELETE", "v1/order", symbol="BTCUSDT", origClientOrderId=order.sent_id)
        assert gone.status == 200
    desk.venue.clock.advance(CHECK_EVERY_MS)

    def is_lost() -> bool:
        desk.venue.clock.advance(10)
        return ("lost", "the user stream is silent") in desk.sink.life

    await until(is_lost, "the silence was noticed")


async def test_a_position_in_a_new_symbol_spoils_no_snapshot_and_has_the_catalogue_read_again(desk: Desk) -> None:
    """It is opened by hand, in a symbol that the venue listed after the connector had read the catalogue."""
    connector: Any = desk.connector
    symbols = connector._instruments.symbols(BinanceMarket.USDM)
    new_id = symbols.pop("ETHUSDT")
    await desk.session.submit(desk.limit("0.5", None, time_in_force=TimeInForce.IOC))
    levels = (Side.BUY, D(3000), D(10)), (Side.SELL, D(3001), D(10))
    await desk.venue.market("ETHUSDT", *levels, clear=True, market="usdm")
    async with Trader(desk.venue.simulator, clock=desk.venue.clock.now_ms) as trader:
        bought = await trader.usdm("POST", "v1/order", symbol="ETHUSDT", side="BUY", type="MARKET", quantity="1")
        assert bought.status == 200
    snapshot = await desk.session.snapshot()
    assert [each.instrument_id for each in snapshot.positions or ()] == [desk.instrument.id]
    assert ["ETHUSDT" in each.text for each in snapshot.unreadable] == [True]

    def is_listed() -> bool:
        desk.venue.clock.advance(20)
        return "ETHUSDT" in symbols

    await until(is_listed, "another reading of the catalogue")
    snapshot = await desk.session.snapshot()
    assert {each.instrument_id for each in snapshot.positions or ()} == {desk.instrument.id, new_id}
    assert snapshot.is_whole

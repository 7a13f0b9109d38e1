"""PAPER's prices: marks, triggers and liquidation follow what the market displays and trades, whatever users do."""

from decimal import Decimal
from typing import Any

import pytest
from tests.inhouse_kit import BookKeeper, RecordingSink, kinds, replayed, until
from tests.paper_bench import PERPETUAL, SPOT, Bench

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.domain.accounts.credential import Secrets
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, TradingAccount
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.reports import BalanceReport, ExternalOrderReport, FillReport

FEE = Decimal("0.0005")


async def stranger(bench: Bench, number: int) -> tuple[TradingAccount, Any]:
    account, session, _ = await bench.session(
        AccountType.MARGIN, number=10 + number, secrets=Secrets(f"stranger {number}", "x", None)
    )
    return account, session


async def trade_far_away(bench: Bench, instrument: Instrument, price: str, side: Side = Side.SELL) -> None:
    """Two strangers empty a side of the book and trade with each other far behind it."""
    taker, taking = await stranger(bench, 1)
    maker, making = await stranger(bench, 2)
    engine = bench.connector._exchange._engines[instrument.id]
    lots = sum(lots for _, lots in engine.market_depth(side.opposite, 100))
    if lots:
        everything = str(lots * instrument.lot_size)
        await taking.submit(bench.order(taker, instrument, side, everything, leverage=20))
    await making.submit(bench.order(maker, instrument, side.opposite, "0.01", price, leverage=20))
    reports = await taking.submit(bench.order(taker, instrument, side, "0.01", leverage=20))
    fills = [report for report in reports if isinstance(report, FillReport)]
    assert [fill.price for fill in fills] == [Decimal(price)]


def fills_of(sink: RecordingSink) -> list[tuple[Decimal, Decimal]]:
    return [(fill.price, fill.quantity) for fill in sink.fills]


async def test_what_others_take_and_trade_liquidates_nobody(bench: Bench) -> None:
    account, session, sink = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=20))
    ledger = bench.connector._exchange.office.ledger
    before = ledger.margin(account.external.external_id, "USDT")
    bench.show(PERPETUAL, {"60000": "0.5", "59990": "0.5"}, {"60010": "50", "60020": "50"})
    await bench.tick()
    await trade_far_away(bench, PERPETUAL, "15000")
    await bench.tick()
    assert ledger.margin(account.external.external_id, "USDT") == before
    assert sink.reports == []
    assert [p.quantity for p in (await session.snapshot()).positions] == [Decimal(50)]


@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.STOP_LOSS, OrderType.TRAILING_STOP])
async def test_what_others_take_and_trade_triggers_nothing(bench: Bench, kind: OrderType) -> None:
    account, session, sink = await bench.session()
    bench.market.trade(SPOT, "60000")
    await bench.tick()
    order = bench.order(account, SPOT, Side.SELL, "0.1", type=kind, stop="30000")
    assert kinds(await session.submit(order)) == ["Accepted"]
    await trade_far_away(bench, SPOT, "15000")
    await trade_far_away(bench, SPOT, "200000", Side.BUY)
    await bench.tick()
    assert sink.reports == []
    assert [open.venue_order_id for open in (await session.snapshot()).open_orders] == [f"P{order.id.hex}"]


async def test_a_stop_is_compared_with_the_market_and_not_with_what_others_traded(bench: Bench) -> None:
    account, session, _ = await bench.session()
    await trade_far_away(bench, SPOT, "15000")
    order = bench.order(account, SPOT, Side.SELL, "0.1", type=OrderType.STOP, stop="30000")
    assert kinds(await session.submit(order)) == ["Accepted"]


@pytest.mark.parametrize(
    ("side", "bids", "asks", "price"),
    [
        # Equity is 1 000 000 - fees; a price at which it is gone, and one tick for the account.
        (Side.BUY, {"50200": "1"}, {"50210": "1"}, "50070.1"),
        (Side.SELL, {"69700": "1"}, {"69710": "1"}, "69930.0"),
    ],
    ids=["long", "short"],
)
async def test_the_insurance_takes_over_what_the_book_cannot_give(
    bench: Bench, side: Side, bids: dict[str, str], asks: dict[str, str], price: str
) -> None:
    """Others emptied the book and wait far away: the account loses what it has, and not a cent more."""
    account, session, sink = await bench.session(AccountType.MARGIN)
    owner = account.external.external_id
    await session.submit(bench.order(account, PERPETUAL, side, "100", leverage=20))
    maker, making = await stranger(bench, 2)
    far = "15000" if side is Side.BUY else "200000"
    bench.show(PERPETUAL, bids, asks)
    await making.submit(bench.order(maker, PERPETUAL, side, "3", far, leverage=20))
    await bench.tick()
    await until(lambda: len(sink.fills) == 2, "the liquidation")
    assert kinds(sink.reports) == ["ExternalOrder", "Fill", "Fill"]
    (order,) = sink.of(ExternalOrderReport)
    assert (order.is_liquidation, order.quantity) == (True, Decimal(100))
    best = Decimal(next(iter(bids if side is Side.BUY else asks)))
    assert fills_of(sink) == [(best, Decimal(1)), (Decimal(price), Decimal(99))]
    assert (await session.snapshot()).positions == ()
    assert (await session.snapshot()).open_orders == ()
    left = bench.total(owner, "USDT")
    # One tick on 99, and what the book paid above the price at which all is gone.
    assert 0 <= left < 99 * PERPETUAL.pip_size + abs(best - Decimal(price)) + 1
    assert sink.of(BalanceReport) == []
    totals = bench.connector._exchange.office.ledger.totals()
    assert sum(total for (_, asset), total in totals.items() if asset == "USDT") == 0
    middle = (Decimal(next(iter(bids))) + Decimal(next(iter(asks)))) / 2
    assert bench.total("@insurance", "USDT") == 99 * (middle - Decimal(price)) * side.sign


async def test_an_account_that_fell_below_zero_ends_at_zero(bench: Bench) -> None:
    account, session, sink = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "100", leverage=20))
    bench.show(PERPETUAL, {"45000": "60"}, {"45010": "50"})
    await bench.tick()
    await until(lambda: bool(sink.fills), "the liquidation")
    assert 0 <= bench.total(account.external.external_id, "USDT") < 100 * PERPETUAL.pip_size
    ((price, quantity),) = fills_of(sink)  # the whole is worth more to the account than the book pays
    assert (quantity, price > 50_000) == (Decimal(100), True)
    assert bench.total("@insurance", "USDT") < -500_000


@pytest.mark.parametrize("mode", PositionMode)
async def test_all_positions_of_an_account_share_what_it_has(mode: PositionMode) -> None:
    bench = Bench(PaperVenueSettings(accounts=AccountSettings(position_mode=mode)))
    await bench.connector.start()
    account, session, sink = await bench.session(AccountType.MARGIN)
    owner = account.external.external_id
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "90", leverage=20))
    await session.submit(bench.order(account, SPOT, Side.SELL, "3", leverage=20))
    bench.show(SPOT, {"70000": "1"}, {"70010": "1"})
    bench.show(PERPETUAL, {"49500": "2"}, {"49510": "1"})
    await bench.tick()
    await until(lambda: len(sink.of(ExternalOrderReport)) == 2, "the liquidations")
    assert (await session.snapshot()).positions == ()
    assert 0 <= bench.total(owner, "USDT") < 700  # what the books paid above the bankruptcy prices
    assert sum(fill.quantity for fill in sink.fills) == Decimal(93)
    await bench.connector.stop()


async def test_an_account_that_closes_itself_below_zero_owes_nothing(bench: Bench) -> None:
    account, session, sink = await bench.session(AccountType.MARGIN)
    owner = account.external.external_id
    bench.show(PERPETUAL, {"60000": "1"}, {"60010": "50", "60020": "50"})
    await bench.tick()
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=20))
    maker, making = await stranger(bench, 2)
    await making.submit(bench.order(maker, PERPETUAL, Side.BUY, "49", "15000", leverage=20))
    reports = await session.submit(bench.order(account, PERPETUAL, Side.SELL, "50"))
    # The reply says it in the order in which it happened: the last fill, then what the insurance paid.
    assert kinds(reports) == ["Accepted", "Fill", "Fill", "Balance"]
    assert reports[-1].total == 0
    assert bench.total(owner, "USDT") == 0
    assert bench.total("@insurance", "USDT") < 0
    assert (await session.snapshot()).positions == ()
    await bench.tick()
    assert sink.reports == []
    # A session that was away learns all of it, the balance too.
    assert kinds(await replayed(session, 0))[-1] == "Balance"


async def test_the_published_mark_follows_the_market_and_not_what_users_do(bench: Bench) -> None:
    keeper = BookKeeper()
    await bench.connector.open_book(PERPETUAL.id, keeper)
    assert keeper.mark == Decimal(60005)
    await trade_far_away(bench, PERPETUAL, "15000")
    await bench.tick()
    assert (max(keeper.bids, default=None), keeper.mark) == (None, Decimal(60005))
    # The market moves where users have emptied its levels: nothing to be taken changes, and the mark does.
    bench.market.level(PERPETUAL, Side.BUY, "60000", "0")
    await bench.tick()
    assert (keeper.bids, keeper.mark) == ({}, Decimal(60000))
    bench.show(PERPETUAL, {}, {})
    await bench.tick()
    await until(lambda: keeper.mark is None, "the end of the mark")

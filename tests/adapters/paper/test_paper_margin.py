"""PAPER with margin: positions, leverage, liquidation, hedged rows."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from tests.inhouse_kit import kinds, replayed, until
from tests.paper_bench import PERPETUAL, SPOT, Bench

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.adapters.venues.paper import PaperVenueSettings
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import PositionId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import CancelReason, RejectReason
from cadenza.domain.trading.reports import CanceledReport, ExternalOrderReport, FillReport


async def test_a_position_is_opened_flipped_and_settled_in_the_quote_asset(bench: Bench) -> None:
    account, session, _ = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "2", leverage=10))
    (position,) = (await session.snapshot()).positions
    assert (position.quantity, position.entry_price, position.leverage) == (Decimal(2), Decimal(60010), 10)
    reports = await session.submit(bench.order(account, PERPETUAL, Side.SELL, "5"))
    fill = reports[1]
    assert isinstance(fill, FillReport)
    assert fill.position_side is PositionSide.NET
    (position,) = (await session.snapshot()).positions
    assert (position.quantity, position.entry_price) == (Decimal(-3), Decimal(60000))
    fees = (2 * Decimal(60010) + 5 * Decimal(60000)) * Decimal("0.0005")
    assert bench.total(account.external.external_id, "USDT") == 1_000_000 - 20 - fees


async def test_spot_instruments_are_positions_too(bench: Bench) -> None:
    account, session, _ = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, SPOT, Side.SELL, "1", leverage=2))
    (position,) = (await session.snapshot()).positions
    assert (position.instrument_id, position.quantity) == (SPOT.id, Decimal(-1))
    assert bench.total(account.external.external_id, "BTC") == 10


async def test_margin_is_needed_and_leverage_is_limited(bench: Bench) -> None:
    account, session, _ = await bench.session(AccountType.MARGIN)
    for leverage, reason in ((1, RejectReason.INSUFFICIENT_MARGIN), (21, RejectReason.INVALID_ORDER)):
        (report,) = await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=leverage))
        assert report.reason == reason
    assert kinds(await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=5))) == [
        "Accepted",
        "Fill",
    ]


async def test_a_position_that_falls_too_far_is_liquidated(bench: Bench) -> None:
    account, session, sink = await bench.session(AccountType.MARGIN)
    owner = account.external.external_id
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "100", leverage=20))
    resting = bench.order(account, PERPETUAL, Side.SELL, "1", "70000")
    await session.submit(resting)
    bench.show(PERPETUAL, {"50200": "60", "50100": "1000"}, {"50210": "50"})
    await bench.tick()
    await until(lambda: len(sink.fills) == 2)
    assert kinds(sink.reports) == ["Canceled", "ExternalOrder", "Fill", "Fill"]
    (canceled,) = sink.of(CanceledReport)
    assert (canceled.order_id, canceled.reason) == (resting.id, CancelReason.RISK)
    (order,) = sink.of(ExternalOrderReport)
    assert order.is_liquidation
    assert [fill.venue_order_id for fill in sink.fills] == [order.venue_order_id] * 2
    # The book paid more than the bankruptcy price, so the account keeps something.
    paid = 60 * Decimal(50200) + 40 * Decimal(50100)
    entry = 50 * Decimal(60010) + 50 * Decimal(60020)
    assert bench.total(owner, "USDT") == 1_000_000 + paid - entry - (entry + paid) * Decimal("0.0005")
    assert bench.total("@insurance", "USDT") == 0
    snapshot = await session.snapshot()
    assert snapshot.positions == ()
    assert bench.total(owner, "EUR") == 1_000_000
    totals = bench.connector._exchange.office.ledger.totals()
    assert sum(total for (_, asset), total in totals.items() if asset == "USDT") == 0
    assert "Fill" in kinds(await replayed(session, 0))


@pytest.mark.parametrize("settings", [PaperVenueSettings(accounts=AccountSettings(position_mode=PositionMode.HEDGE))])
async def test_hedged_rows(settings: PaperVenueSettings) -> None:
    bench = Bench(settings)
    await bench.connector.start()
    account, session, _ = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "2"))
    await session.submit(bench.order(account, PERPETUAL, Side.SELL, "1"))
    sides = {p.side: p.quantity for p in (await session.snapshot()).positions}
    assert sides == {PositionSide.LONG: Decimal(2), PositionSide.SHORT: Decimal(-1)}
    closing = replace(bench.order(account, PERPETUAL, Side.SELL, "2"), position_id=PositionId(UUID(int=5)))
    reports = await session.submit(closing)
    assert reports[1].position_side is PositionSide.LONG
    assert [p.side for p in (await session.snapshot()).positions] == [PositionSide.SHORT]
    again = replace(bench.order(account, PERPETUAL, Side.SELL, "2"), position_id=PositionId(UUID(int=5)))
    assert (await session.submit(again))[0].reason == RejectReason.INVALID_ORDER
    await bench.connector.stop()


@pytest.mark.parametrize("settings", [PaperVenueSettings(accounts=AccountSettings(max_leverage=1000))])
async def test_no_leverage_opens_what_is_liquidated_at_once(settings: PaperVenueSettings) -> None:
    bench = Bench(settings)
    await bench.connector.start()
    account, session, sink = await bench.session(AccountType.MARGIN)
    for instrument, leverage in ((PERPETUAL, 101), (PERPETUAL, 1000)):
        (refused,) = await session.submit(bench.order(account, instrument, Side.BUY, "1", leverage=leverage))
        assert refused.reason == RejectReason.INVALID_ORDER
    for instrument, leverage in ((PERPETUAL, 100), (SPOT, 20)):
        # All the margin there is: the fees and the spread leave the rest above the maintenance margin.
        order = bench.order(account, instrument, Side.BUY, "1", leverage=leverage)
        assert kinds(await session.submit(order)) == ["Accepted", "Fill"]
    await bench.tick()
    assert sink.reports == []
    await bench.connector.stop()


async def test_a_tiny_order_does_not_re_margin_a_large_position_unpaid(bench: Bench) -> None:
    account, session, _ = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=20))
    for leverage, outcome in ((1, ["Rejected"]), (3, ["Rejected"]), (4, ["Accepted", "Fill"])):
        reports = await session.submit(bench.order(account, PERPETUAL, Side.BUY, "0.01", leverage=leverage))
        assert kinds(reports) == outcome
    assert reports[-1].leverage == 4
    ledger = bench.connector._exchange.office.ledger
    state = ledger.margin(account.external.external_id, "USDT")
    assert state.initial < state.equity


async def test_a_resting_order_re_margins_only_what_the_equity_still_covers(bench: Bench) -> None:
    account, session, sink = await bench.session(AccountType.MARGIN)
    await session.submit(bench.order(account, PERPETUAL, Side.BUY, "50", leverage=20))
    resting = bench.order(account, PERPETUAL, Side.BUY, "0.01", "55000", leverage=4)
    assert kinds(await session.submit(resting)) == ["Accepted"]
    # At 46 005 its equity is 298 000. At leverage 4 the position would use 575 000, at 20 it uses 115 000.
    bench.show(PERPETUAL, {"46000": "9"}, {"46010": "9"})
    await bench.tick()
    await until(lambda: bool(sink.fills), "the fill")
    assert sink.fills[0].leverage == 20
    (position,) = (await session.snapshot()).positions
    assert (position.quantity, position.leverage) == (Decimal("50.01"), 20)

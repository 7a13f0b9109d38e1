"""What an account is worth, against the venue's own `equity`."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.deribit_kit import INVERSE, LINEAR, DeribitDesk, open_deribit_desk, simulated_deribit
from tests.domain.trading.worlds import state, venue_spec

from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import SecurityType
from cadenza.domain.money import ONE
from cadenza.domain.trading.portfolio import MarkedPosition, summarize
from cadenza.domain.trading.venue_books import adopt_snapshot
from cadenza.domain.trading.venue_spec import Books

VENUES_BOOKS = venue_spec(books=dict.fromkeys(AccountType, Books.VENUE))


async def differs(desk: DeribitDesk, mark: str) -> D:
    """Return our equity in the settlement currency less the venue's."""
    instrument, snapshot = desk.instrument, await desk.session.snapshot()
    books = state(desk.account, {}, traded=instrument, market=None, spec=VENUES_BOOKS)
    adopt_snapshot(
        books, desk.account.id, snapshot.balances, snapshot.positions, as_of=snapshot.as_of, at_ms=snapshot.at_ms
    )
    held = tuple(
        MarkedPosition(position=each, instrument=instrument, security_type=SecurityType.FUTURES, mark=D(mark))
        for each in books.positions(desk.account.id)
    )
    settled_in = instrument.settled_in
    balances = tuple(each for each in books.balances(desk.account.id) if each.asset == settled_in)
    session: Any = desk.session
    asked = RpcMessage("private/get_account_summary", {"currency": settled_in})
    figures = json.loads(bytes(await session._rest.asked(session._signer, asked)), parse_float=D, parse_int=D)
    ours = summarize(balances, held, settled_in, lambda asset: ONE if asset == settled_in else None).equity
    return ours - D(figures["equity"])


async def move(desk: DeribitDesk, price: str) -> None:
    await desk.venue.post("prices", {"name": desk.instrument.external_symbol, "price": price})


async def trade(desk: DeribitDesk, side: Side, quantity: str, price: str) -> None:
    opposite = Side.SELL if side is Side.BUY else Side.BUY
    name = desk.instrument.external_symbol
    await desk.venue.market(name, (opposite, D(price), D(quantity)), clear=True)
    order = desk.limit(quantity, None, side, type=OrderType.MARKET, time_in_force=TimeInForce.IOC)
    await desk.session.submit(order)


@pytest.mark.parametrize(
    ("name", "quantity", "more", "within"),
    [(LINEAR, "2", "1", D("0.000001")), (INVERSE, "100000", "50000", D("0.00000002"))],
)
async def test_the_equity_is_the_venues_before_and_after_the_daily_settlement(
    tmp_path: Path, name: str, quantity: str, more: str, within: D
) -> None:
    """The settlement pays the profit into the cash, and it is counted once; so is what was realised before it."""
    async with simulated_deribit(tmp_path) as venue, open_deribit_desk(venue, instrument=name) as desk:
        await trade(desk, Side.BUY, quantity, "60010")
        await move(desk, "70000")
        assert abs(await differs(desk, "70000")) <= within
        await venue.post("settlement", {})
        assert abs(await differs(desk, "70000")) <= within, "settled"
        await trade(desk, Side.BUY, more, "71000")
        await move(desk, "72000")
        assert abs(await differs(desk, "72000")) <= within, "increased since the settlement"
        await trade(desk, Side.SELL, quantity, "60005")
        await move(desk, "60005")
        assert abs(await differs(desk, "60005")) <= within, "realised, and not settled"
        await venue.post("settlement", {})
        assert abs(await differs(desk, "60005")) <= within, "settled again"

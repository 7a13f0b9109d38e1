"""What an account is worth, against the venue's own `equity`."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.deribit_kit import INVERSE, INVERSE_OPTION, LINEAR, OPTION, DeribitDesk, open_deribit_desk, simulated_deribit
from tests.equity_kit import summary_of

from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import OrderType, Side, TimeInForce


async def differs(desk: DeribitDesk, mark: str) -> D:
    """Return our equity in the settlement currency less the venue's."""
    session: Any = desk.session
    asked = RpcMessage("private/get_account_summary", {"currency": desk.instrument.settled_in})
    figures = json.loads(bytes(await session._rest.asked(session._signer, asked)), parse_float=D, parse_int=D)
    return (await summary_of(desk, D(mark))).equity - D(figures["equity"])


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


@pytest.mark.parametrize(("name", "side"), [(OPTION, Side.BUY), (OPTION, Side.SELL), (INVERSE_OPTION, Side.BUY)])
async def test_an_option_counts_with_its_value_because_its_premium_was_paid(
    tmp_path: Path, name: str, side: Side
) -> None:
    prices = ("0.05", "0.08", "0.07") if name == INVERSE_OPTION else ("55", "80", "70")
    opposite = Side.SELL if side is Side.BUY else Side.BUY
    async with (
        simulated_deribit(tmp_path) as venue,
        open_deribit_desk(venue, type=AccountType.OPTIONS, instrument=name) as desk,
    ):
        await trade(desk, side, "1", prices[0])
        await move(desk, prices[0])
        assert abs(await differs(desk, prices[0])) <= D("0.000001")
        await move(desk, prices[1])
        await trade(desk, opposite, "0.4", prices[2])
        assert abs(await differs(desk, prices[1])) <= D("0.000001")

"""What an account of options is worth, against the venue's own `eq`."""

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from tests.equity_kit import summary_of
from tests.okx_kit import OkxDesk, open_okx_desk, simulated_okx

from cadenza.adapters.venues.okx.endpoints import BALANCE, POSITIONS
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.enums import Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentType


async def stated(desk: OkxDesk) -> tuple[D, D]:
    """Return the venue's equity in the settlement asset, and its mark of the position."""
    session: Any = desk.session
    (account,) = await session._rest.rows(session._signer, BALANCE, {})
    (held,) = await session._rest.rows(session._signer, POSITIONS, {})
    rows = json.loads(bytes(account))["details"]
    equity = next(row["eq"] for row in rows if row["ccy"] == desk.instrument.settled_in)
    return D(equity), D(json.loads(bytes(held))["markPx"])


async def test_an_option_counts_with_its_value_because_its_premium_was_paid(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue:
        connector = venue.connector()
        await connector.start()
        listed = (await connector.instruments()).instruments
        await connector.stop()
        option = next(each for each in listed if each.type is InstrumentType.OPTION)
        price, quantity = option.pip_size * 100, option.lot_size * 300
        async with open_okx_desk(venue, type=AccountType.OPTIONS, instrument=option.symbol) as desk:
            await desk.show(Side.SELL, price, quantity)
            await desk.session.submit(desk.limit(str(quantity), str(price), time_in_force=TimeInForce.FOK))
            equity, mark = await stated(desk)
            assert (await summary_of(desk, mark)).equity == equity

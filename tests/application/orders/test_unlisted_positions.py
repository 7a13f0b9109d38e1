"""Positions in instruments that the catalogue does not have, or not any more."""

from decimal import Decimal as D
from uuid import UUID

from cadenza.domain.accounts.trading_account import AccountType, PositionSide
from cadenza.domain.ids import PAPER, InstrumentId, PositionId
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.position import Position
from tests.application.orders.test_valuation import Market, builder
from tests.domain.trading.worlds import ACCOUNT, NOW_MS, account, instrument


async def test_a_position_is_shown_also_while_its_instrument_is_not_listed() -> None:
    known = instrument(type=InstrumentType.PERPETUAL)
    gone = InstrumentId("PAPER:XBT/USD-4DEC26")
    held = [
        Position(
            id=PositionId(UUID(int=number)), account_id=ACCOUNT, instrument_id=id, side=PositionSide.NET, quantity=D(1),
            entry_cost=D(90), created_at_ms=NOW_MS, updated_at_ms=NOW_MS + number,
        )
        for number, id in enumerate((known.id, gone))
    ]  # fmt: skip
    built = await builder(Market({known.id: "100"}), [known])
    found = built.build(account(AccountType.FUTURES), [], held, NOW_MS, built.valuation(PAPER))
    assert [(each.symbol, each.mark, each.entry_price) for each in found.positions] == [
        ("BTC", D(100), D(90)),
        ("XBT", None, None),
    ]
    assert (found.summary.equity, found.summary.unmarked) == (10, (gone,))
    assert found.updated_at_ms == NOW_MS + 1

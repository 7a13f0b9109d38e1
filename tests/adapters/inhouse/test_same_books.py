"""Our book of an account is the venue's to the last digit: quantities, costs, leverages and balances, fill by fill."""

from decimal import Decimal
from random import Random

import pytest
from tests.domain.trading.worlds import ACCOUNT, BTC, account, instrument, state

from cadenza.adapters.venues.inhouse.mapping import position_report, reports_of
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.apply import apply_report
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.state import TradingState
from cadenza.domain.trading.venue_books import adopt_snapshot
from cadenza.exchange.back_office import BackOffice
from cadenza.exchange.ledger import FeeAsset
from cadenza.exchange.records import VenueAccount, VenueOrder

TRADED = instrument()
OWNER = "margin"


class Pair:
    """A venue and our book of one of its accounts. `mark` is the venue's."""

    def __init__(self, seed: int, mode: PositionMode) -> None:
        self.random = Random(seed)
        self.mark = Decimal(100)
        self.mode = mode
        self.office = BackOffice({BTC: TRADED}, FeeAsset.QUOTE, lambda _: self.mark)
        venue_account = VenueAccount(
            external_id=OWNER, type=AccountType.MARGIN, position_mode=mode, max_leverage=20, opened_at_ms=0
        )
        self.office.open_account(venue_account, {"USDT": Decimal(10_000)})
        self.ours = state(account(AccountType.MARGIN, mode), {"USDT": "10000"}, traded=TRADED)
        self.at_ms = self.ours.world.now_ms

    def fill(self, number: int) -> None:
        """An order of any side, leverage and size is filled at any price, in thirds of a lot's price."""
        random, ledger, self.at_ms = self.random, self.office.ledger, self.at_ms + 1
        self.mark += random.choice((-3, -1, 0, 1, 3)) * Decimal("0.5")
        side = random.choice(list(Side))
        is_closing = self.mode is PositionMode.HEDGE and random.random() < 0.5
        row = ledger.row_of(OWNER, side, is_closing)
        assert row is not None
        quantity = random.choice((1, 7, 333, 3_000)) * TRADED.lot_size
        held = next((abs(p.quantity) for p in ledger.positions(OWNER) if p.side is row), Decimal(0))
        if is_closing:
            quantity = min(quantity, held)
        if not quantity:
            return
        order = VenueOrder(
            venue_order_id=f"v{number}", external_id=OWNER, order_id=None, account_id=None, instrument_id=BTC,
            side=side, type=OrderType.MARKET, time_in_force=TimeInForce.IOC, quantity=quantity, remaining=quantity,
            leverage=random.choice((None, 1, 3, 7, 20)), position_side=row, is_closing=is_closing,
            created_at_ms=self.at_ms, updated_at_ms=self.at_ms,
        )  # fmt: skip
        order = self.office.accept_unfunded(order, self.at_ms)
        price = self.mark + random.choice((-1, 0, 1)) * TRADED.pip_size
        self.office.fill(order, price, quantity, is_maker=False, trade_id=str(number), at_ms=self.at_ms)
        for fact in self.office.take_facts():
            for report in reports_of(fact, ACCOUNT):
                apply_report(self.ours, report)

    def venue_positions(self) -> list[Position]:
        return self.office.ledger.positions(OWNER)


def picture(positions: list[Position]) -> list[tuple[PositionSide, Decimal, Decimal, int]]:
    return sorted((p.side, p.quantity, p.entry_cost, p.leverage) for p in positions)


@pytest.mark.parametrize("mode", PositionMode)
@pytest.mark.parametrize("seed", range(10))
def test_positions_costs_leverages_and_balances_stay_the_same(seed: int, mode: PositionMode) -> None:
    pair = Pair(seed, mode)
    kept, changed = 0, 0
    for number in range(60):
        pair.fill(number)
        assert picture(list(pair.ours.positions(ACCOUNT))) == picture(pair.venue_positions())
        assert pair.ours.balance(ACCOUNT, "USDT").total == pair.office.ledger.total(OWNER, "USDT")
        for change in pair.office.take_changes().fills:
            kept += change.leverage is not None
            changed += change.leverage not in (None, 1)
    assert kept > changed > 0


@pytest.mark.parametrize("seed", range(5))
def test_an_adopted_position_has_the_venues_exact_cost(seed: int) -> None:
    """An average of 7 and 3 parts has no end; the cost has."""
    pair = Pair(seed, PositionMode.NETTING)
    for number in range(40):
        pair.fill(number)
        positions = pair.venue_positions()
        reports = [position_report(position, TRADED, ACCOUNT, pair.at_ms, pair.at_ms) for position in positions]
        fresh: TradingState = state(account(AccountType.MARGIN), {"USDT": "1"}, traded=TRADED)
        adopt_snapshot(fresh, ACCOUNT, [], reports, as_of=pair.at_ms, at_ms=pair.at_ms)
        assert picture(list(fresh.positions(ACCOUNT))) == picture(positions)

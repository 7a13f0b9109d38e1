"""PAPER's exchange under seeded random traffic: laws that hold after every step, and after a restart at any of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from tests.inhouse_kit import START_MS, MemoryLedger, ScriptedMarket, make_order, trading_account

from cadenza.adapters.venues.inhouse.accounts import DEPOSITS, to_external
from cadenza.adapters.venues.inhouse.mapping import refusal, to_venue_order
from cadenza.adapters.venues.paper import FeeRates, PaperVenueSettings
from cadenza.adapters.venues.paper.execution import PaperExchange
from cadenza.adapters.venues.paper.market.instruments import INSTRUMENTS, SECURITIES
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.ids import PAPER, PositionId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.enums import OrderStatus
from cadenza.exchange.ledger import FeeAsset
from cadenza.exchange.records import OrderFact, VenueAccount

SPOT = next(i for i in INSTRUMENTS if i.symbol == "BTC/USDT")
PERPETUAL = next(i for i in INSTRUMENTS if i.symbol == "BTC/USDT-PERP")
STEPS = 250
_KINDS = [
    OrderType.MARKET,
    OrderType.LIMIT,
    OrderType.LIMIT,
    OrderType.LIMIT,
    OrderType.STOP,
    OrderType.STOP_LIMIT,
    OrderType.STOP_LOSS,
    OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_LIMIT,
    OrderType.TRAILING_STOP,
]
_TIMES = [TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD, TimeInForce.GTX]


def accounts() -> Iterator[VenueAccount]:
    kinds = [(AccountType.SPOT, PositionMode.NETTING)] * 2
    kinds += [(AccountType.MARGIN, PositionMode.NETTING), (AccountType.MARGIN, PositionMode.HEDGE)]
    for number, (type, mode) in enumerate(kinds):
        yield VenueAccount(
            external_id=f"{type.value}-{number}",
            type=type,
            position_mode=mode,
            max_leverage=20,
            opened_at_ms=START_MS,
        )


@dataclass
class Traffic:
    """An exchange, a market that jumps about, and traders who know no restraint."""

    seed: int
    settings: PaperVenueSettings
    disk: MemoryLedger = field(default_factory=MemoryLedger)
    at_ms: int = START_MS
    number: int = 0
    middle: int = 60_000

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.market = ScriptedMarket(INSTRUMENTS, SECURITIES)
        self.exchange = PaperExchange(self.market, self.settings)
        self.accounts = list(accounts())
        self._show()
        self.exchange.open(self.at_ms)
        for account in self.accounts:
            self.exchange.office.open_account(account, DEPOSITS)

    def step(self) -> None:
        self.at_ms += self.random.randrange(200)
        choice = self.random.random()
        if choice < 0.25:
            self.middle = max(5_000, self.middle + self.random.choice([-8_000, -700, -40, 40, 700, 8_000]))
            self._show()
        self.exchange.advance(self.at_ms)
        if choice > 0.85:
            open_orders = [order for order in self.exchange.office.open_orders() if not order.is_liquidation]
            if open_orders:
                self.exchange.cancel(self.random.choice(open_orders), self.at_ms)
        elif choice > 0.25:
            self._submit(self.random.choice(self.accounts))
        self.exchange.advance(self.at_ms)

    async def write(self) -> None:
        await self.writer.commit(self.exchange.take_changes())

    async def open(self) -> None:
        self.writer = self.disk.writer()
        await self.writer.take_over()
        await self.write()

    async def restart(self) -> None:
        """A new exchange over what is on disk, in the market as it is."""
        self.market = ScriptedMarket(INSTRUMENTS, SECURITIES)
        self.exchange = PaperExchange(self.market, self.settings)
        self.exchange.restore(await self.writer.reload())
        self._show()
        self.exchange.open(self.at_ms)

    def _show(self) -> None:
        depth = self.random.choice([1, 3, 12])
        for instrument, size in ((SPOT, 2), (PERPETUAL, 40)):
            bids = {str(self.middle - 10 * n - 5): str(size) for n in range(depth)}
            asks = {str(self.middle + 10 * n + 5): str(size) for n in range(depth)}
            self.market.book(instrument, bids, asks)
            self.market.trade(instrument, str(self.middle))

    def _submit(self, account: VenueAccount) -> None:
        random, self.number = self.random, self.number + 1
        is_margined = account.is_margined
        instrument = random.choice([SPOT, PERPETUAL]) if is_margined else SPOT
        type, side = random.choice(_KINDS), random.choice(list(Side))
        time_in_force = random.choice(_TIMES)
        if type is OrderType.MARKET and time_in_force is not TimeInForce.FOK:
            time_in_force = TimeInForce.IOC
        if time_in_force is TimeInForce.GTX and type is not OrderType.LIMIT:
            time_in_force = TimeInForce.GTC
        is_limit = type is OrderType.LIMIT or type.value.endswith("_LIMIT")
        has_stop = type not in (OrderType.MARKET, OrderType.LIMIT)
        order = make_order(
            trading_account(PAPER, to_external(account)),
            instrument,
            side,
            str(self._quantity(instrument)),
            str(self.middle + random.randint(-60, 60)) if is_limit else None,
            number=self.number,
            type=type,
            time_in_force=time_in_force,
            stop=str(self.middle + random.randint(-900, 900)) if has_stop else None,
            expire_at_ms=self.at_ms + 1_000 if time_in_force is TimeInForce.GTD else None,
            leverage=random.choice([None, 1, 5, 20]) if is_margined else None,
            position_id=PositionId(UUID(int=7)) if is_margined and random.random() < 0.3 else None,
        )
        arriving = to_venue_order(order, account, self.at_ms)
        assert refusal(arriving, self.exchange.instruments.get(instrument.id), account) is None
        self.exchange.submit(arriving, self.at_ms)

    def _quantity(self, instrument: Instrument) -> Decimal:
        most = 500_000 if instrument is SPOT else 30_000
        if self.random.random() < 0.2:
            most *= 4  # all of it, or more
        return self.random.randint(100, most) * instrument.lot_size

    # Laws

    def check(self) -> None:
        ledger, office = self.exchange.office.ledger, self.exchange.office
        totals = ledger.totals()
        for asset in {asset for _, asset in totals}:
            assert sum(total for (_, of), total in totals.items() if of == asset) == 0
        for account in self.accounts:
            id = account.external_id
            if not account.is_margined:
                assert all(balance.total >= 0 for balance in ledger.balances(id))
                assert all(ledger.free(id, balance.asset) >= 0 for balance in ledger.balances(id))
            for balance in ledger.balances(id):
                assert balance.total >= 0 or ledger.positions(id, balance.asset)
            for position in ledger.positions(id):
                assert account.is_margined
                assert position.side is PositionSide.NET or (position.quantity > 0) == (
                    position.side is PositionSide.LONG
                )
        assert ledger.margin_calls([SPOT.id, PERPETUAL.id]) == []
        at_work = {o.order_id: o for engine in self.exchange._engines.values() for o in engine.open_orders()}
        kept = {order.venue_order_id: order for order in office.open_orders()}
        assert at_work.keys() == kept.keys()
        for id, order in kept.items():
            instrument = self.exchange.instruments[order.instrument_id]
            assert at_work[id].remaining * instrument.lot_size == order.remaining > 0
        self._check_facts()

    def _check_facts(self) -> None:
        """No fact of an order follows its end, and no trade is reported twice to one side of it."""
        for fact in self.exchange.office.take_facts():
            if isinstance(fact, OrderFact):
                assert fact.order.venue_order_id not in self.ended
                if not fact.order.is_open:
                    self.ended.add(fact.order.venue_order_id)
                if fact.fill is not None:
                    key = fact.fill.trade_id, fact.order.venue_order_id
                    assert key not in self.trades
                    self.trades.add(key)

    ended: set[str] = field(default_factory=set)
    trades: set[Any] = field(default_factory=set)

    def picture(self) -> tuple[Any, ...]:
        office = self.exchange.office
        open_orders = sorted(office.open_orders(), key=lambda order: order.venue_order_id)
        positions = [office.ledger.positions(account.external_id) for account in self.accounts]
        numbers = [(o.venue_order_id, o.remaining, o.stop_price, o.hold_rate, o.is_triggered) for o in open_orders]
        return numbers, positions, {key: total for key, total in office.ledger.totals().items() if total}


SETTINGS = {
    "quote fees": PaperVenueSettings(fees=FeeRates(maker=Decimal("0.0002"), taker=Decimal("0.0005"))),
    "rebate": PaperVenueSettings(fees=FeeRates(maker=Decimal("-0.0002"), taker=Decimal("0.0005"))),
    "received fees": PaperVenueSettings(fee_asset=FeeAsset.RECEIVED),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("seed", range(12))
async def test_the_laws_hold_whatever_is_asked(settings: PaperVenueSettings, seed: int) -> None:
    traffic = Traffic(seed, settings)
    await traffic.open()
    for _ in range(STEPS):
        traffic.step()
        await traffic.write()
        traffic.check()
    assert {order.status for order in traffic.disk.orders.values()} >= {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
    }
    assert len(traffic.trades) > STEPS / 10


@pytest.mark.parametrize("seed", range(12))
async def test_a_restart_at_any_step_loses_nothing(seed: int) -> None:
    traffic = Traffic(seed, SETTINGS["quote fees"])
    await traffic.open()
    for n in range(STEPS):
        traffic.step()
        await traffic.write()
        traffic.check()
        if n % 10 == 9:
            before = traffic.picture()
            traffic.exchange.restore(await traffic.writer.reload())
            assert traffic.picture() == before
            await traffic.restart()
            await traffic.write()
            traffic.check()

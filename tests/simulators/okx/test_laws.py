"""Laws that hold after any sequence of orders and market moves."""

import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cadenza.domain.market.enums import Side
from cadenza.exchange import PublicTrade, SetLevel
from cadenza.simulators.kit.counter_market import SeededMarket
from cadenza.simulators.okx.instruments import INSTRUMENTS, okx_ladder
from cadenza.simulators.okx.settings import FUTURES_MODE, NET_MODE
from cadenza.simulators.okx.trading.algos import AlgoDesk
from cadenza.simulators.okx.trading.exchange import USER, OkxExchange
from cadenza.simulators.okx.trading.ledger import TRANSFER
from cadenza.simulators.okx.trading.liquidation import OkxLiquidator
from cadenza.simulators.okx.trading.placing import OrderDesk
from cadenza.simulators.okx.trading.records import (
    OkxAccountMode,
    OkxBill,
    OkxOrderRequest,
    OkxRow,
    SimulatedAlgoOrder,
    latest,
)
from cadenza.simulators.okx.wire.errors import OkxOrderRefusal

D = Decimal
NAMES = ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP")
TRADED = tuple(each for each in INSTRUMENTS if each.name in NAMES)
ACCOUNTS = ("main", "demo")
FIRST_ID = 1_000_000

ORDERS = st.tuples(
    st.just("order"),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(NAMES),
    st.sampled_from(tuple(Side)),
    st.sampled_from(("limit", "market", "post_only", "fok", "ioc")),
    st.integers(-8, 8),
    st.integers(1, 250),
    st.booleans(),
)
ALGOS = st.tuples(st.just("algo"), st.sampled_from(ACCOUNTS), st.integers(-9, 9), st.integers(1, 20))
CANCELS = st.tuples(st.just("cancel"), st.integers(0, 50))
AMENDS = st.tuples(st.just("amend"), st.integers(0, 50), st.integers(1, 60), st.integers(-8, 8))
MOVES = st.tuples(st.just("trade"), st.sampled_from(NAMES), st.sampled_from(tuple(Side)), st.integers(-12, 12))
LEVELS = st.tuples(st.just("level"), st.sampled_from(NAMES), st.sampled_from(tuple(Side)), st.integers(1, 9))
MARKS = st.tuples(st.just("mark"), st.sampled_from(NAMES[1:]), st.integers(-9_000, 9_000))
STEPS = st.lists(st.one_of(ORDERS, ORDERS, ALGOS, CANCELS, AMENDS, MOVES, LEVELS, MARKS), min_size=12, max_size=50)


class World:
    """An exchange without a server. Every step leaves a row, as on disk."""

    def __init__(self) -> None:
        self.rows: list[OkxRow] = []
        self.now_ms = 1_000
        self.exchange, self.algos = self._made()
        self.desk = OrderDesk(self.exchange)
        for account in ACCOUNTS:
            mode = OkxAccountMode(account=account, level=FUTURES_MODE, position_mode=NET_MODE, borrows=False)
            self.exchange.ledger.open_account(mode)
            for asset, amount in {"USDT": D(20_000), "BTC": D(1)}.items():
                self.exchange.ledger.move(
                    OkxBill(
                        bill_id=0,
                        account=account,
                        asset=asset,
                        change=amount,
                        after=amount,
                        type=TRANSFER,
                        subtype="11",
                        at_ms=0,
                    )
                )
        self.exchange.open(self.now_ms)
        self._keep()

    def _made(self) -> tuple[OkxExchange, AlgoDesk]:
        exchange = OkxExchange(TRADED, SeededMarket(TRADED, 1, 0, okx_ladder), FIRST_ID)
        algos = AlgoDesk(exchange, OrderDesk(exchange))
        exchange.on_price.append(OkxLiquidator(exchange).check)
        return exchange, algos

    def restarted(self) -> tuple[OkxExchange, AlgoDesk]:
        """Return what the rows make of a new exchange."""
        exchange, algos = self._made()
        kept = latest(self.rows)
        exchange.restore(kept)
        algos.restore(kept.algos)
        return exchange, algos

    def _keep(self) -> None:
        self.rows.append(replace(self.exchange.take_row(), algos=self.algos.take_changes()))
        self.exchange.take_news()

    def step(self, kind: str, *how: Any) -> None:
        self.now_ms += 7
        with contextlib.suppress(OkxOrderRefusal):
            getattr(self, f"_{kind}")(*how)
        self._keep()

    def _order(self, account: str, name: str, side: Side, type: str, ticks: int, lots: int, flips: bool) -> None:
        """`flips` makes an order of a pair one on margin, and one of a contract reduce-only."""
        instrument = self.exchange.instruments[name]
        price = None if type == "market" else instrument.opening_price + ticks * 3
        size = lots * (D("0.001") if instrument.is_spot else D(1))
        self.desk.place(
            account,
            OkxOrderRequest(
                symbol=name,
                instrument_type="MARGIN" if instrument.is_spot and flips else instrument.type,
                trade_mode="cash" if instrument.is_spot and not flips else "cross",
                side=side,
                position_side="net",
                type=type,
                size=size,
                price=price,
                is_reduce_only=flips and not instrument.is_spot,
            ),
            self.now_ms,
        )

    def _algo(self, account: str, steps: int, lots: int) -> None:
        self.algos.place(
            SimulatedAlgoOrder(
                algo_id=self.exchange.next_id(),
                account=account,
                client_id="",
                tag="",
                symbol="BTC-USDT-SWAP",
                instrument_type="SWAP",
                trade_mode="cross",
                side=Side.BUY if steps > 0 else Side.SELL,
                position_side="net",
                type="trigger",
                size=D(lots),
                target="",
                is_reduce_only=False,
                trigger=D(60_000 + steps * 100),
                trigger_price=D(-1),
                trigger_by="last",
                created_ms=self.now_ms,
                updated_ms=self.now_ms,
            ),
            self.now_ms,
        )

    def _open(self, number: int) -> Any:
        pending = [order for account in ACCOUNTS for order in self.exchange.registry.open_orders(account)]
        return pending[number % len(pending)] if pending else None

    def _cancel(self, number: int) -> None:
        if (order := self._open(number)) is not None:
            self.exchange.cancel(order, USER, self.now_ms)

    def _amend(self, number: int, lots: int, ticks: int) -> None:
        if (order := self._open(number)) is not None:
            instrument = self.exchange.instruments[order.symbol]
            size = lots * (D("0.001") if instrument.is_spot else D(1))
            self.desk.amend(order, size, instrument.opening_price + ticks * 3, "", self.now_ms)

    def _trade(self, name: str, side: Side, steps: int) -> None:
        instrument = self.exchange.instruments[name]
        price = int((instrument.opening_price + steps * 100) / instrument.tick)
        self.exchange.apply(name, PublicTrade(side, price, int(5 / instrument.lot / 100) or 1, self.now_ms))

    def _level(self, name: str, side: Side, steps: int) -> None:
        instrument = self.exchange.instruments[name]
        price = int((instrument.opening_price - side.sign * steps) / instrument.tick)
        self.exchange.apply(name, SetLevel(side, price, 500, self.now_ms))

    def _mark(self, name: str, change: int) -> None:
        self.exchange.set_mark(name, D(60_000 + change), self.now_ms)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_money_orders_and_a_restart(steps: list[tuple[Any, ...]]) -> None:
    """Bills add up to cash, fills to their orders, positions to their fills; and a restart finds all of it again."""
    world = World()
    for step in steps:
        world.step(*step)
    exchange, ledger = world.exchange, world.exchange.ledger
    for balance in ledger.all_balances():
        mine = [bill for bill in ledger.bills if (bill.account, bill.asset) == (balance.account, balance.asset)]
        assert sum((bill.change for bill in mine), D(0)) == balance.cash
    for order in exchange.registry.all_orders():
        fills = exchange.registry.trades_of(order)
        assert sum((fill.quantity for fill in fills), D(0)) == order.executed
        assert sum((fill.fee for fill in fills), D(0)) == order.fee
        assert order.executed <= order.quantity
        assert order.is_open or order.state in ("filled", "canceled")
    for position in ledger.all_positions():
        every = exchange.registry.trades(position.account, position.symbol)
        fills = [fill for fill in every if fill.instrument_type != "SPOT"]
        assert sum((fill.side.sign * fill.quantity for fill in fills), D(0)) == position.amount
    for account in ACCOUNTS:
        for asset in ledger.assets(account):
            figures = ledger.figures(account, asset)
            assert figures.held >= 0
            assert figures.available >= 0
    again, algos = world.restarted()
    assert again.registry.all_orders() == exchange.registry.all_orders()
    assert again.registry.all_trades() == exchange.registry.all_trades()
    assert again.ledger.all_positions() == ledger.all_positions()
    assert again.ledger.all_balances() == ledger.all_balances()
    assert again.ledger.bills == ledger.bills
    assert algos.all_orders() == world.algos.all_orders()
    for account in ACCOUNTS:
        for order in exchange.registry.open_orders(account):
            again.cancel(again.registry.order(*order.key), USER, world.now_ms)
            assert not again.registry.order(*order.key).is_open
    assert again.next_id() > max([FIRST_ID, *(order.order_id for order in exchange.registry.all_orders())])

"""What the conformance suite asks of a venue: a `VenueUnderTest` that can be traded on, and made to misbehave.

One file under `venues/` per venue makes one. A venue that runs here is driven by a clock and a market by hand; a
networked venue joins through its simulator and needs no more than this interface.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, TradingAccount
from cadenza.domain.ids import ExecutionId, OrderId
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.trading.order import Execution, Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    CancelRefusedReport,
    ExpiredReport,
    ExternalOrderReport,
    FillReport,
    RejectedReport,
    Report,
    UnknownOutcomeReport,
)
from cadenza.ports.venue import ExecutionSession, VenueConnector
from tests.inhouse_kit import RecordingSink, connected_account, make_order


class Capability(StrEnum):
    """What a venue under test can do, or be made to do."""

    RESTING_FILLS = "an order that rests can be made to fill"
    REPLY_LOSS = "a reply can be lost after the order arrived"
    REQUEST_LOSS = "a request can be lost before it arrives"
    RESTART = "the connector can be killed and started again"
    FEED_BREAK = "the feed of a book can be made to break"
    MARGIN = "there are margined accounts"
    BURIES = "the venue keeps an order that it does not know from arriving later"


@dataclass(frozen=True, slots=True)
class Prices:
    """The book around which the suite trades: the best prices, and the quantity that can be taken at once."""

    bid: Decimal
    ask: Decimal
    available: Decimal

    def taking(self, side: Side) -> Decimal:
        return self.ask if side is Side.BUY else self.bid


class VenueUnderTest(Protocol):
    """A venue that is about to be tested. `spot` and `perpetual` are what is traded; `perpetual` only with MARGIN."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def connector(self) -> VenueConnector: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def other_secrets(self) -> Secrets: ...

    @property
    def spot(self) -> Instrument: ...

    @property
    def perpetual(self) -> Instrument: ...

    @property
    def prices(self) -> Prices: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None:
        """Kill the connector and start another; the venue itself went on. `connector` is the new one."""

    async def pass_time(self, duration_ms: int) -> None:
        """Return when the venue has noticed that so much time has passed."""

    def to_be_filled(self, order: Order) -> Order:
        """Prepare an order that rests, before it is submitted, for `fill_up_to`."""

    async def fill_up_to(self, order: Order, executed: Decimal) -> None:
        """Let the market trade with a resting order until so much of it is executed. Half and all must be possible."""

    async def losing_reply(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        """Submit; the venue has the order, and the reply is lost. Return when both sides are themselves again."""

    async def losing_request(self, session: ExecutionSession, order: Order) -> Sequence[Report]:
        """Submit; the venue never hears of it."""

    async def break_feed(self) -> None:
        """Break the books' feeds, and return when they are whole again."""


@dataclass(slots=True)
class Trader:
    """One trading account with its session, and what it was told by stream and by replies, in the order of arrival."""

    venue: VenueUnderTest
    account: TradingAccount
    session: ExecutionSession
    sink: RecordingSink
    replies: list[Report] = field(default_factory=list)

    @property
    def told(self) -> list[Report]:
        return [*self.replies, *self.sink.reports]

    def fills_of(self, order: Order) -> list[FillReport]:
        """Each trade once, whoever told it, in the order of their times."""
        by_id = {report.trade_id: report for report in self.told if isinstance(report, FillReport)}
        own = [report for report in by_id.values() if report.order_id == order.id]
        return sorted(own, key=lambda report: report.at_ms)

    def executed(self, order: Order) -> Decimal:
        return sum((fill.quantity for fill in self.fills_of(order)), Decimal(0))

    async def submit(self, order: Order) -> Sequence[Report]:
        return self._note(await self.session.submit(order))

    async def cancel(self, order: Order) -> Sequence[Report]:
        return self._note(await self.session.cancel(order))

    async def lookup(self, *orders: Order) -> Sequence[Report]:
        return self._note(await self.session.lookup(orders))

    def _note(self, reports: Sequence[Report]) -> Sequence[Report]:
        self.replies.extend(reports)
        return reports

    async def balances(self) -> dict[str, Decimal]:
        return {balance.asset: balance.total for balance in (await self.session.snapshot()).balances}

    async def open_ids(self) -> set[Any]:
        return {order.order_id for order in (await self.session.snapshot()).open_orders}


@dataclass(slots=True)
class Orders:
    """Makes orders, each with an id of its own."""

    venue: VenueUnderTest
    made: int = 0

    def limit(self, trader: Trader, side: Side, quantity: Decimal, price: Decimal, **fields: Any) -> Order:
        return self._make(trader, side, quantity, price=str(price), **fields)

    def resting(self, trader: Trader, side: Side, quantity: Decimal, **fields: Any) -> Order:
        """A LIMIT order that the book does not meet, a little behind the best price of its own side."""
        prices, pip = self.venue.prices, self.venue.spot.pip_size
        best = prices.bid if side is Side.BUY else prices.ask
        return self.limit(trader, side, quantity, best - side.sign * 5 * pip, **fields)

    def market(self, trader: Trader, side: Side, quantity: Decimal, **fields: Any) -> Order:
        return self._make(trader, side, quantity, **fields)

    def of_kind(
        self, trader: Trader, type: OrderType, time_in_force: TimeInForce, now_ms: int, instrument: Instrument
    ) -> Order:
        """A BUY of this kind that rests or takes little: prices far from its trigger, an expiry an hour away."""
        ask = self.venue.prices.ask
        distance = 5000 * instrument.pip_size
        is_take_profit = type in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
        stop = ask - distance if is_take_profit else ask + distance
        is_limit = type is OrderType.LIMIT or type.value.endswith("_LIMIT")
        has_stop = type not in (OrderType.MARKET, OrderType.LIMIT, OrderType.QUOTED)
        order = self._make(trader, Side.BUY, least_quantity(instrument, ask), instrument=instrument)
        return replace(
            order,
            type=type,
            time_in_force=time_in_force,
            limit_price=ask - 2 * distance if is_limit else None,
            stop_price=stop if has_stop else None,
            expire_at_ms=now_ms + 3_600_000 if time_in_force in (TimeInForce.GTD, TimeInForce.DAY) else None,
        )

    def adopted(self, trader: Trader, order: Order, placed: ExternalOrderReport) -> Order:
        """Another account's order, as this one adopts it: under an id of its own."""
        self.made += 1
        return replace(
            order,
            id=OrderId(UUID(int=self.made)),
            account_id=trader.account.id,
            venue_order_id=placed.venue_order_id,
            is_external=True,
        )

    def _make(self, trader: Trader, side: Side, quantity: Decimal, **fields: Any) -> Order:
        self.made += 1
        instrument = fields.pop("instrument", self.venue.spot)
        price = fields.pop("price", None)
        return make_order(trader.account, instrument, side, str(quantity), price, number=self.made, **fields)


def least_quantity(instrument: Instrument, price: Decimal) -> Decimal:
    """The least quantity that meets every limit at twice the price's distance to nothing: in whole lots."""
    lots = int(instrument.min_notional * 2 / price / instrument.lot_size) + 1
    return max(lots * instrument.lot_size, instrument.min_quantity)


async def trader_at(
    venue: VenueUnderTest, type: AccountType = AccountType.SPOT, *, number: int = 1, secrets: Secrets | None = None
) -> Trader:
    """Open a session; two with the same secrets are two trading accounts of one account at the venue."""
    secrets = secrets or venue.secrets
    account = await connected_account(venue.connector, type, secrets=secrets, number=number)
    sink = RecordingSink()
    return Trader(venue, account, await venue.connector.open_session(account, secrets, sink), sink)


def believed(order: Order, reports: Sequence[Report]) -> Order:
    """What the house makes of an order by these reports, one after another, each trade once."""
    state = order if order.status.value != "CREATED" else order.submitted(order.created_at_ms)
    for report in reports:
        if report.order_id != order.id or isinstance(report, UnknownOutcomeReport):
            continue
        match report:
            case AcceptedReport():
                state = state.accepted(report.venue_order_id or "", report.at_ms)
            case RejectedReport():
                state = state.rejected(report.reason, report.at_ms)
            case CanceledReport():
                state = state.canceled(report.reason, report.at_ms)
            case ExpiredReport():
                state = state.expired(report.at_ms)
            case CancelRefusedReport():
                state = state.cancel_refused(report.venue_order_id, report.at_ms)
            case FillReport() if all(report.trade_id != known.trade_id for known in state.executions):
                state = state.filled(_execution(state, report))
    return state


def _execution(order: Order, report: FillReport) -> Execution:
    return Execution(
        id=ExecutionId(UUID(int=len(order.executions) + 1)),
        order_id=order.id,
        account_id=order.account_id,
        venue_id=order.venue_id,
        instrument_id=order.instrument_id,
        trade_id=report.trade_id,
        side=report.side,
        price=report.price,
        quantity=report.quantity,
        fees=report.fees,
        liquidity=report.liquidity,
        executed_at_ms=report.at_ms,
    )


def makes_sense(type: OrderType, time_in_force: TimeInForce) -> bool:
    """What the house itself lets through: market orders end at once; post-only is for limits."""
    if type in (OrderType.MARKET, OrderType.QUOTED):
        return time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return time_in_force is not TimeInForce.GTX or type is OrderType.LIMIT


CREDENTIAL_TYPE = CredentialType.API_KEY
VenueFactory = Callable[[], VenueUnderTest]

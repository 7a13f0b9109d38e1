"""What the tests of venues that run in this process share: a clock by hand, a market by hand, sinks and a ledger."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from cadenza.adapters.venues.mock.spec import SPEC as MOCK_SPEC
from cadenza.adapters.venues.paper.spec import SPEC as PAPER_SPEC
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountStatus, AccountType, ExternalAccount, TradingAccount
from cadenza.domain.errors import DatabaseUnavailable
from cadenza.domain.ids import InstrumentId, OrderId, TenantId, TradingAccountId, UserId, VenueId
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, MarketTrade
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, Security
from cadenza.domain.money import ZERO, Rounding
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import AcceptedReport, FillReport, Report
from cadenza.domain.trading.venue_spec import DerivedSentId, SentIdRule
from cadenza.exchange import PublicTrade, ResetMarket, SetLevel
from cadenza.exchange.records import LedgerBalance, LedgerPosition, OrderHistory, VenueChanges, VenueState
from cadenza.ports.exchange_ledger import ORDERS_PER_PAGE_MAX, HistoryCursor, HistoryPage, LedgerTakenOver
from cadenza.ports.venue import REPLAY_REPORTS_MAX, ReplayPiece

START_MS = 1_760_000_000_000
KEY = Secrets("any key", "any secret", None)
_DEADLINE_S = 60.0


async def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Let everything run until the condition holds."""
    deadline = time.monotonic() + _DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        await asyncio.sleep(0.001)


class ManualClock:
    """Time moves by `advance` only; sleepers wake in the order of their time."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.ms = now_ms
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        return self.ms

    async def sleep_ms(self, duration_ms: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.ms + duration_ms, future))
        await future

    def advance(self, duration_ms: int) -> None:
        self.ms += duration_ms
        due = sorted((s for s in self._sleepers if s[0] <= self.ms), key=lambda s: s[0])
        self._sleepers = [s for s in self._sleepers if s[0] > self.ms and not s[1].cancelled()]
        for _, future in due:
            if not future.done():
                future.set_result(None)


class NoFailpoints:
    def reach(self, name: str) -> None: ...


class ScriptedMarket:
    """Implements `MarketSource`: shows what the test put, at the next time it is asked."""

    def __init__(self, instruments: Sequence[Instrument], securities: Sequence[Security]) -> None:
        self.instruments = instruments
        self.securities = securities
        self.suspended: set[InstrumentId] = set()
        self._commands: list[tuple[InstrumentId, Any]] = []

    def is_suspended(self, instrument_id: InstrumentId) -> bool:
        return instrument_id in self.suspended

    def put(self, instrument_id: InstrumentId, make: Callable[[int], Any]) -> None:
        self._commands.append((instrument_id, make))

    def advance(self, to_ms: int) -> Sequence[tuple[InstrumentId, Any]]:
        commands, self._commands = self._commands, []
        return [(instrument_id, make(to_ms)) for instrument_id, make in commands]

    def book(self, instrument: Instrument, bids: dict[str, str], asks: dict[str, str]) -> None:
        """Show a whole book, given as {price: quantity}."""

        def levels(side: dict[str, str]) -> tuple[tuple[int, int], ...]:
            return tuple(
                (int(Decimal(p) / instrument.pip_size), int(Decimal(q) / instrument.lot_size)) for p, q in side.items()
            )

        self.put(instrument.id, lambda at_ms: ResetMarket(levels(bids), levels(asks), at_ms))

    def level(self, instrument: Instrument, side: Side, price: str, quantity: str) -> None:
        ticks, lots = int(Decimal(price) / instrument.pip_size), int(Decimal(quantity) / instrument.lot_size)
        self.put(instrument.id, lambda at_ms: SetLevel(side, ticks, lots, at_ms))

    def trade(self, instrument: Instrument, price: str, aggressor: Side = Side.SELL, quantity: str = "0.001") -> None:
        """Print a trade between two other participants."""
        ticks, lots = int(Decimal(price) / instrument.pip_size), int(Decimal(quantity) / instrument.lot_size)
        self.put(instrument.id, lambda at_ms: PublicTrade(aggressor, ticks, lots, at_ms))


class RecordingSink:
    """Implements `SessionSink`; `gate` closed makes it slow. `life` lists the session's changes of life in order:
    `("lost", cause)`, `("restored", gap_since_ms)`, `("ended", cause)`."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.life: list[tuple[str, str | int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def deliver(self, reports: Sequence[Report]) -> None:
        await self.gate.wait()
        self.reports.extend(reports)

    def lost(self, cause: str) -> None:
        self.life.append(("lost", cause))

    def restored(self, gap_since_ms: int) -> None:
        self.life.append(("restored", gap_since_ms))

    def ended(self, cause: str) -> None:
        self.life.append(("ended", cause))

    def of(self, kind: type[Report]) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]

    @property
    def fills(self) -> list[FillReport]:
        return self.of(FillReport)


class BookKeeper:
    """Implements `MarketSink`: keeps the book as published and checks its continuity, by the numbers that it has."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.trades: list[MarketTrade] = []
        self.mark: Decimal | None = None
        self.sequence = 0
        self.snapshots = 0
        self.is_untouched = True
        """No change came since the last snapshot. A batch that began before a snapshot may end after it, so its range
        counts there, where it has one."""
        self.is_stale = True

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        self.bids, self.asks = dict(snapshot.bids), dict(snapshot.asks)
        self.sequence, self.is_stale = snapshot.sequence, False
        self.is_untouched = True
        self.snapshots += 1

    def on_delta(self, delta: BookDelta) -> None:
        is_range = delta.first_sequence is not None and (delta.previous_sequence is None or self.is_untouched)
        if not is_range and delta.previous_sequence is not None:
            assert delta.previous_sequence == self.sequence
        elif delta.first_sequence is None:  # the messages of a connection are counted
            assert delta.sequence > self.sequence
        else:
            assert delta.first_sequence <= self.sequence + 1 <= delta.sequence + 1
        self.sequence, self.is_untouched = delta.sequence, False
        for side, changes in ((self.bids, delta.bids), (self.asks, delta.asks)):
            for price, quantity in ((Decimal(price), Decimal(quantity)) for price, quantity in changes):
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)  # a level may come and go between two messages
        assert not self.bids or not self.asks or max(self.bids) < min(self.asks)

    def on_trade(self, trade: MarketTrade) -> None:
        self.trades.append(trade)

    def on_mark(self, instrument_id: InstrumentId, mark: Decimal | None) -> None:
        self.mark = mark

    def on_stale(self, instrument_id: InstrumentId) -> None:
        self.is_stale = True


@dataclass
class MemoryLedger:
    """Implements `ExchangeLedger` without a disk. `failures` says what the next commits do: "lost" does not write,
    "reply lost" does, and both raise."""

    accounts: dict[str, Any] = field(default_factory=dict)
    orders: dict[str, Any] = field(default_factory=dict)
    fills: list[Any] = field(default_factory=list)
    balances: dict[tuple[str, str], LedgerBalance] = field(default_factory=dict)
    positions: dict[tuple[Any, ...], LedgerPosition] = field(default_factory=dict)
    postings: list[Any] = field(default_factory=list)
    engines: dict[str, Any] = field(default_factory=dict)
    trade_sequence: int = 0
    epoch: int = 0
    commits: int = 0
    failures: list[str] = field(default_factory=list)

    def writer(self) -> "MemoryWriter":
        return MemoryWriter(self)


class MemoryWriter:
    def __init__(self, disk: MemoryLedger) -> None:
        self.disk = disk
        self._epoch = 0

    async def take_over(self) -> VenueState:
        self.disk.epoch += 1
        self._epoch = self.disk.epoch
        return await self.reload()

    async def reload(self) -> VenueState:
        if self._epoch != self.disk.epoch:
            raise LedgerTakenOver("taken over")
        disk = self.disk
        return VenueState(
            trade_sequence=disk.trade_sequence,
            accounts=tuple(disk.accounts.values()),
            orders=tuple(order for order in disk.orders.values() if order.is_open),
            balances=tuple(disk.balances.values()),
            positions=tuple(p for p in disk.positions.values() if p.position.quantity),
            engines=tuple(disk.engines.values()),
        )

    async def commit(self, changes: VenueChanges) -> None:
        failure = self.disk.failures.pop(0) if self.disk.failures else None
        if failure == "lost":
            raise DatabaseUnavailable("lost")
        if self._epoch != self.disk.epoch:
            raise LedgerTakenOver("taken over")
        disk = self.disk
        disk.commits += 1
        disk.trade_sequence = changes.trade_sequence
        disk.accounts.update({account.external_id: account for account in changes.accounts})
        disk.orders.update({order.venue_order_id: order for order in changes.orders})
        disk.fills.extend(changes.fills)
        disk.balances.update({(b.owner, b.asset): b for b in changes.balances})
        for held in changes.positions:
            disk.positions[held.external_id, held.position.instrument_id, held.position.side] = held
        disk.postings.extend(changes.postings)
        disk.engines.update({engine.instrument_id: engine for engine in changes.engines})
        if failure == "reply lost":
            raise DatabaseUnavailable("reply lost")

    async def histories(self, venue_order_ids: Sequence[str]) -> Sequence[OrderHistory]:
        return [self._history(self.disk.orders[id]) for id in venue_order_ids if id in self.disk.orders]

    async def since(self, external_id: str, since_ms: int, after: HistoryCursor | None = None) -> HistoryPage:
        start = (since_ms, "") if after is None else (after.updated_at_ms, after.venue_order_id)
        places = {(o.updated_at_ms, o.venue_order_id): o for o in self.disk.orders.values()}
        orders = [places[p] for p in sorted(places) if p > start and places[p].external_id == external_id]
        if len(orders) > ORDERS_PER_PAGE_MAX:
            orders = orders[:ORDERS_PER_PAGE_MAX]
            last = HistoryCursor(orders[-1].updated_at_ms, orders[-1].venue_order_id)
            return HistoryPage(histories=[self._history(order) for order in orders], next=last)
        covered = {
            (posting.target, posting.asset)
            for posting in self.disk.postings
            if posting.kind == "INSURANCE" and posting.target == external_id and posting.at_ms >= since_ms
        }
        return HistoryPage(
            histories=[self._history(order) for order in orders],
            covered=[self.disk.balances[key] for key in sorted(covered)],
        )

    def _history(self, order: Any) -> OrderHistory:
        return OrderHistory(order, tuple(f for f in self.disk.fills if f.venue_order_id == order.venue_order_id))


def trading_account(venue_id: VenueId, external: ExternalAccount, number: int = 1) -> TradingAccount:
    return TradingAccount(
        id=TradingAccountId(UUID(int=number)),
        tenant_id=TenantId(UUID(int=1000 + number)),
        user_id=UserId(UUID(int=2000 + number)),
        venue_id=venue_id,
        nickname="test",
        external=external,
        credential_ids=(),
        status=AccountStatus.ACTIVE,
        created_at_ms=START_MS,
        updated_at_ms=START_MS,
    )


async def connected_account(
    connector: Any, type: AccountType = AccountType.SPOT, *, secrets: Secrets = KEY, number: int = 1
) -> TradingAccount:
    externals = (await connector.verify(CredentialType.API_KEY, secrets)).accounts
    external = next(external for external in externals if external.type is type)
    return trading_account(connector.spec.venue_id, external, number)


SENT_ID_RULES = {spec.venue_id: spec.sent_id for spec in (PAPER_SPEC, MOCK_SPEC)}
SEND_WITHIN_MS = PAPER_SPEC.send_within_ms


def sent_id_of(venue_id: VenueId, order_id: OrderId) -> str:
    """Our id of an order at its venue; of a venue that does not run in this process, the order's id itself."""
    rule: SentIdRule = SENT_ID_RULES.get(venue_id, DerivedSentId())
    assert isinstance(rule, DerivedSentId)
    return rule.of(order_id)


def make_order(
    account: TradingAccount,
    instrument: Instrument,
    side: Side,
    quantity: str,
    price: str | None = None,
    *,
    number: int,
    type: OrderType | None = None,
    time_in_force: TimeInForce | None = None,
    stop: str | None = None,
    at_ms: int = START_MS,
    **fields: Any,
) -> Order:
    """A new order of `at_ms`, about to be sent: LIMIT with a price, MARKET without, unless the arguments say
    otherwise."""
    type = type or (OrderType.LIMIT if price is not None else OrderType.MARKET)
    default = TimeInForce.IOC if type is OrderType.MARKET else TimeInForce.GTC
    order = Order(
        id=(order_id := OrderId(UUID(int=number))),
        tenant_id=account.tenant_id,
        account_id=account.id,
        venue_id=account.venue_id,
        instrument_id=instrument.id,
        base_asset=instrument.base_asset,
        quote_asset=instrument.quote_asset,
        side=side,
        type=type,
        time_in_force=time_in_force or default,
        asked_quantity=Decimal(quantity),
        quantity_type=QuantityType.BASE,
        rounding=Rounding.NONE,
        quantity=Decimal(quantity),
        limit_price=None if price is None else Decimal(price),
        stop_price=None if stop is None else Decimal(stop),
        sent_id=sent_id_of(account.venue_id, order_id),
        send_before_ms=at_ms + SEND_WITHIN_MS,
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
    )
    return replace(order, **fields)


async def replayed(session: Any, since_ms: int = 0) -> list[Report]:
    """All that a session replays; its pieces are as small as they have to be, and all cover the same time."""
    pieces: list[ReplayPiece] = [piece async for piece in session.replay(since_ms)]
    assert len({piece.covers_from_ms for piece in pieces}) == 1
    assert all(len(piece.reports) <= REPLAY_REPORTS_MAX for piece in pieces)
    return [report for piece in pieces for report in piece.reports]


def as_acknowledged(reports: Sequence[Report]) -> list[Report]:
    """The reports as replies and stream first bring them: an acceptance that comes again states what was executed since
    then."""
    return [replace(r, executed_quantity=ZERO) if isinstance(r, AcceptedReport) else r for r in reports]


def kinds(reports: Sequence[Report]) -> list[str]:
    """The names of reports, shortened: `["Accepted", "Fill"]`."""
    return [type(report).__name__.removesuffix("Report") for report in reports]

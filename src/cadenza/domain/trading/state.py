"""The working state of one batch: rows as loaded, changed in memory, and what has changed.

Decisions run one after another on this state, so each sees the effect of those before it. A decision either changes
the state completely or, when it refuses, not at all: it checks first and changes afterwards.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.operation import Operation, OperationStatus
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import TradingAccountNotFound
from cadenza.domain.evolve import evolve
from cadenza.domain.ids import InstrumentId, OrderId, PositionId, TradingAccountId
from cadenza.domain.market.instrument import Instrument, TopOfBook
from cadenza.domain.market.order_book import BookSnapshot
from cadenza.domain.money import ZERO
from cadenza.domain.trading.claims import Claim, Claims
from cadenza.domain.trading.events import AccountEvent, EventBody, OrderUpdated
from cadenza.domain.trading.order import Execution, Order
from cadenza.domain.trading.position import Position, PositionSide, PositionStatus
from cadenza.domain.trading.reports import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a decision may ask besides its rows: the catalogue, fresh prices, the time of the batch and new ids."""

    instrument: Callable[[InstrumentId], Instrument | None]
    top: Callable[[InstrumentId], TopOfBook | None]
    book: Callable[[InstrumentId], BookSnapshot | None]
    new_id: Callable[[], UUID]
    now_ms: int


@dataclass(slots=True)
class Changed:
    """What must be written."""

    created: dict[OrderId, Order] = field(default_factory=dict)
    updated: dict[OrderId, Order] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    balances: set[tuple[TradingAccountId, str]] = field(default_factory=set)
    positions: dict[PositionId, Position] = field(default_factory=dict)
    accounts: set[TradingAccountId] = field(default_factory=set)
    portfolios: dict[TradingAccountId, None] = field(default_factory=dict)
    events: list[AccountEvent] = field(default_factory=list)
    unmatched: list[Report] = field(default_factory=list)
    matched: list[Order] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)


class TradingState:
    """Accounts with their balances and open positions, and the orders that the batch names."""

    def __init__(
        self,
        world: World,
        accounts: Iterable[TradingAccount],
        balances: Iterable[Balance],
        positions: Iterable[Position],
        orders: Iterable[Order],
        unmatched: Sequence[Report] = (),
        claims: Iterable[Claim] = (),
    ) -> None:
        self.world = world
        self.changed = Changed()
        self._unmatched = list(unmatched)
        self.claims = Claims(claims)
        self._accounts = {account.id: account for account in accounts}
        self._balances: dict[TradingAccountId, dict[str, Balance]] = {}
        for balance in balances:
            self._balances.setdefault(balance.account_id, {})[balance.asset] = balance
        self._positions: dict[tuple[TradingAccountId, InstrumentId, PositionSide], Position] = {}
        for position in positions:
            self._positions[(position.account_id, position.instrument_id, position.side)] = position
            self.claims.know_position(position.id, position.side)
        self._orders: dict[OrderId, Order] = {}
        self._untold: dict[OrderId, None] = {}
        self._heard: dict[TradingAccountId, int] = {}
        self._by_client: dict[tuple[TradingAccountId, str], OrderId] = {}
        self._by_key: dict[tuple[TradingAccountId, str], OrderId] = {}
        self._by_venue: dict[tuple[TradingAccountId, str], OrderId] = {}
        for order in orders:
            self._index(order)

    # --- reading

    def account(self, account_id: TradingAccountId) -> TradingAccount:
        account = self._accounts.get(account_id)
        if account is None:
            raise TradingAccountNotFound("there is no such trading account")
        return account

    def balance(self, account_id: TradingAccountId, asset: str) -> Balance:
        """Return the balance; one of zero when the account never held the asset."""
        held = self._balances.get(account_id, {}).get(asset)
        return held or Balance(account_id=account_id, asset=asset, updated_at_ms=self.world.now_ms)

    def balances(self, account_id: TradingAccountId) -> list[Balance]:
        return list(self._balances.get(account_id, {}).values())

    def position(
        self, account_id: TradingAccountId, instrument_id: InstrumentId, side: PositionSide
    ) -> Position | None:
        """Return the open position of that row."""
        return self._positions.get((account_id, instrument_id, side))

    def positions(self, account_id: TradingAccountId) -> list[Position]:
        """Return the open positions of an account."""
        return [position for key, position in self._positions.items() if key[0] == account_id]

    def order(self, order_id: OrderId) -> Order | None:
        return self._orders.get(order_id)

    def order_by_client_id(self, account_id: TradingAccountId, client_order_id: str) -> Order | None:
        order_id = self._by_client.get((account_id, client_order_id))
        return None if order_id is None else self._orders[order_id]

    def order_by_key(self, account_id: TradingAccountId, idempotency_key: str) -> Order | None:
        order_id = self._by_key.get((account_id, idempotency_key))
        return None if order_id is None else self._orders[order_id]

    def order_of(self, report: Report) -> Order | None:
        """Return the order that a report names, by our id first."""
        if report.order_id is not None:
            order = self._orders.get(report.order_id)
            return order if order is not None and order.account_id == report.account_id else None
        if report.venue_order_id is None:
            return None
        order_id = self._by_venue.get((report.account_id, report.venue_order_id))
        return None if order_id is None else self._orders[order_id]

    # --- changing

    def put_order(self, order: Order) -> None:
        """Record a new or changed order; `tell_orders` tells the account's log."""
        if order.id not in self._orders or order.id in self.changed.created:
            self.changed.created[order.id] = order
        else:
            self.changed.updated[order.id] = order
        self._untold[order.id] = None
        if self._accounts[order.account_id].is_margined:
            self.claims.move(self._orders.get(order.id), order)
        self._index(order)

    def tell_orders(self) -> None:
        """Append one event for each order changed since the last call: a decision is told as one step."""
        for order_id in self._untold:
            order = self._orders[order_id]
            self.emit(order.account_id, OrderUpdated(order))
        self._untold.clear()

    def add_execution(self, execution: Execution) -> None:
        self.changed.executions.append(execution)

    def change_balance(
        self, account_id: TradingAccountId, asset: str, *, total: Decimal = ZERO, locked: Decimal = ZERO
    ) -> None:
        if total == 0 and locked == 0:
            return
        changed = self.balance(account_id, asset).changed(total=total, locked=locked, at_ms=self.world.now_ms)
        self.put_balance(changed)

    def put_balance(self, balance: Balance) -> None:
        self._balances.setdefault(balance.account_id, {})[balance.asset] = balance
        self.changed.balances.add((balance.account_id, balance.asset))
        self.changed.portfolios[balance.account_id] = None

    def put_position(self, position: Position) -> None:
        """Record a changed position; a closed one leaves the open rows."""
        key = (position.account_id, position.instrument_id, position.side)
        if position.status is PositionStatus.OPEN:
            self._positions[key] = position
        else:
            self._positions.pop(key, None)
        self.changed.positions[position.id] = position
        self.claims.know_position(position.id, position.side)
        self.changed.portfolios[position.account_id] = None

    def put_account(self, account: TradingAccount) -> None:
        self._accounts[account.id] = account
        self.changed.accounts.add(account.id)

    def keep_unmatched(self, report: Report) -> None:
        """Keep a report that fits no order; it is applied when its order becomes known. It is of the account, so it
        makes a new version of the account, though nothing is told."""
        self.changed.unmatched.append(report)
        self.changed.accounts.add(report.account_id)

    def take_unmatched(self, order: Order) -> list[Report]:
        """Return the reports that were kept and that this order explains, those of this batch last. They are kept no
        longer: the caller applies them."""
        taken = [report for report in (*self._unmatched, *self.changed.unmatched) if _is_about(report, order)]
        if taken:
            self._unmatched = [report for report in self._unmatched if not _is_about(report, order)]
            self.changed.unmatched = [report for report in self.changed.unmatched if not _is_about(report, order)]
            self.changed.matched.append(order)
        return taken

    def finish_operation(self, operation: Operation, failure: str | None = None) -> None:
        """End a PENDING operation together with what it did."""
        status = OperationStatus.SUCCESS if failure is None else OperationStatus.FAILED
        self.changed.operations.append(
            replace(operation, status=status, finished_at_ms=self.world.now_ms, failure=failure)
        )

    def emit(self, account_id: TradingAccountId, body: EventBody) -> None:
        """Append to the account's log."""
        account = self._accounts[account_id]
        sequence = account.last_sequence + 1
        self.put_account(evolve(account, last_sequence=sequence))
        self.changed.events.append(
            AccountEvent(
                account_id=account_id,
                tenant_id=account.tenant_id,
                sequence=sequence,
                at_ms=self.world.now_ms,
                body=body,
            )
        )

    def changed_balances(self) -> list[Balance]:
        return [self._balances[account_id][asset] for account_id, asset in self.changed.balances]

    def hear(self, account_id: TradingAccountId, until_ms: int) -> None:
        """Note that all that the account's venue told up to then has been applied. It is written with what else changes
        of the account; alone it is worth no write. A venue's clock that is ahead of ours is not believed."""
        self._heard[account_id] = max(self._heard.get(account_id, 0), min(until_ms, self.world.now_ms))

    def changed_accounts(self) -> list[TradingAccount]:
        return [self._with_heard(self._accounts[account_id]) for account_id in self.changed.accounts]

    def instruments_of(self, account_id: TradingAccountId) -> Mapping[InstrumentId, Instrument]:
        """Return the instruments of the account's open positions."""
        found = {p.instrument_id: self.world.instrument(p.instrument_id) for p in self.positions(account_id)}
        return {instrument_id: instrument for instrument_id, instrument in found.items() if instrument is not None}

    def _with_heard(self, account: TradingAccount) -> TradingAccount:
        until_ms = self._heard.get(account.id)
        if until_ms is None or account.adopted_at_ms is None or until_ms <= (account.heard_until_ms or 0):
            return account
        return evolve(account, heard_until_ms=until_ms)

    def _index(self, order: Order) -> None:
        self._orders[order.id] = order
        if order.client_order_id is not None:
            self._by_client[(order.account_id, order.client_order_id)] = order.id
        if order.idempotency_key is not None:
            self._by_key[(order.account_id, order.idempotency_key)] = order.id
        if order.venue_order_id is not None:
            self._by_venue[(order.account_id, order.venue_order_id)] = order.id


def _is_about(report: Report, order: Order) -> bool:
    """Whether a kept report names the order by the venue's id, and no other order by ours."""
    is_named = (report.account_id, report.venue_order_id) == (order.account_id, order.venue_order_id)
    return is_named and report.order_id in (None, order.id)

"""The accounts' rows as this process saved them last, so that the next batch need not read them again.

They may be out of date: another process may have changed the account since. So a decision on remembered rows counts
only after `save` has found every account at the remembered version. Every change of an order, a balance or a position
of an account changes the account's row and with it the version.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import InstrumentId, OrderId, PositionId, TradingAccountId
from cadenza.domain.trading.claims import Claim, Claims
from cadenza.domain.trading.journal import Journal
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position, PositionStatus
from cadenza.ports.storage.trading import BatchChanges, BatchKeys, BatchRows

ACCOUNT_ORDERS_MAX = 512
"""Open orders remembered of one account. Beyond that, the order that changed longest ago is forgotten."""
ACCOUNT_CLOSED_ORDERS_MAX = 16
"""Closed orders remembered of one account, the newest: a venue's stream often repeats what the reply has said."""
CLOSED_ORDER_EXECUTIONS_MAX = 20
"""Closed orders with more executions are read again each time."""
ORDERS_MAX = 20_000
"""Orders remembered of all accounts (about 2 KB each)."""
EXECUTIONS_MAX = 100_000
"""Executions remembered of all these orders (about 0.5 KB each)."""
ORDER_EXECUTIONS_MAX = 2_000
"""Orders with more executions are read again each time."""
ACCOUNTS_MAX = 10_000


_Name = str | tuple[InstrumentId, str]
"""Our id of an order at the venue, or the venue's own within an instrument."""


@dataclass(slots=True)
class _Remembered:
    version: str
    account: TradingAccount
    balances: dict[str, Balance] = field(default_factory=dict)
    positions: dict[PositionId, Position] = field(default_factory=dict)
    orders: OrderedDict[OrderId, Order] = field(default_factory=OrderedDict)
    closed_ids: OrderedDict[OrderId, None] = field(default_factory=OrderedDict)
    """Those of the remembered orders that are closed."""
    by_name: dict[_Name, OrderId] = field(default_factory=dict)
    claims: Sequence[Claim] | None = None
    """The claims of all its open orders, remembered or not; None when they were not loaded."""
    executions_count: int = 0
    """Of the remembered orders."""

    def claims_for(self, keys: BatchKeys) -> Sequence[Claim] | None:
        """Return the claims that the batch needs; None when they are not known."""
        if self.account.id in keys.limiting:
            return self.claims
        return self.claims_for_new_orders() if self.account.id in keys.reserving else ()

    def claims_for_new_orders(self) -> Sequence[Claim] | None:
        """Return the claims on which a new order is decided; None when they are not known."""
        return self.claims if self.account.needs_claims else ()

    def put_order(self, order: Order) -> None:
        self.drop_order(order.id)
        if len(order.executions) > (CLOSED_ORDER_EXECUTIONS_MAX if order.is_closed else ORDER_EXECUTIONS_MAX):
            return
        self.orders[order.id] = order
        self.executions_count += len(order.executions)
        for name in _names(order):
            self.by_name[name] = order.id
        if order.is_closed:
            self.closed_ids[order.id] = None
            if len(self.closed_ids) > ACCOUNT_CLOSED_ORDERS_MAX:
                self.drop_order(next(iter(self.closed_ids)))
        elif len(self.orders) - len(self.closed_ids) > ACCOUNT_ORDERS_MAX:
            self.drop_order(next(id for id in self.orders if id not in self.closed_ids))

    def drop_order(self, order_id: OrderId) -> None:
        dropped = self.orders.pop(order_id, None)
        if dropped is None:
            return
        self.closed_ids.pop(order_id, None)
        self.executions_count -= len(dropped.executions)
        for name in _names(dropped):
            self.by_name.pop(name, None)

    def put_position(self, position: Position) -> None:
        """Of the positions that the venue closed, the newest is remembered too, because reports with a lower `as_of`
        are older."""
        if position.as_of:
            row = (position.instrument_id, position.side)
            for known in list(self.positions.values()):
                if known.status is not PositionStatus.OPEN and (known.instrument_id, known.side) == row:
                    del self.positions[known.id]
        if position.status is PositionStatus.OPEN or position.as_of:
            self.positions[position.id] = position
        else:
            self.positions.pop(position.id, None)


class RememberedRows:
    """Accounts by id, the one used longest ago first."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[TradingAccountId, _Remembered] = OrderedDict()
        self._orders_count = 0
        self._executions_count = 0

    def recall(self, keys: BatchKeys) -> BatchRows | None:
        """Return all rows that the batch needs; None when one of them is not remembered. Whether a key of a new order
        is taken, only `save` finds out.
        """
        found = [self._accounts.get(account_id) for account_id in keys.accounts]
        known = [account for account in found if account is not None]
        claims = [account.claims_for(keys) for account in known]
        if len(known) != len(found) or None in claims:
            return None
        orders: dict[OrderId, Order] = {}
        for order_id in keys.orders - keys.new_orders:
            order = next((a.orders[order_id] for a in known if order_id in a.orders), None)
            if order is None:
                return None
            orders[order_id] = order
        for account_id, name in _named(keys):
            of = self._accounts[account_id]
            found_id = of.by_name.get(name)
            if found_id is None:
                return None
            orders[found_id] = of.orders[found_id]
        if not self._add_others(keys, orders):
            return None
        for account_id in keys.accounts:
            self._accounts.move_to_end(account_id)
        return BatchRows(
            accounts=[account.account for account in known],
            balances=[balance for account in known for balance in account.balances.values()],
            positions=[position for account in known for position in account.positions.values()],
            orders=list(orders.values()),
            kept=(),
            claims=[claim for of_account in claims for claim in of_account or ()],
            reserving=frozenset(keys.reserving),
            limiting=frozenset(keys.limiting),
            versions={account.account.id: account.version for account in known},
            is_remembered=True,
        )

    def _add_others(self, keys: BatchKeys, orders: dict[OrderId, Order]) -> bool:
        """Add the orders that reports mean by the venue's id, because the order with their `sent_id` has another one.
        Return whether all of them are remembered. An order that the venue has not named yet may get its id from one
        report of the batch; another id is another order's then. That one id may be another order's too, which is added
        where it is remembered."""
        first_ids: dict[OrderId, str] = {}
        for account_id, instrument_id, venue_order_id, sent_id in keys.other_names:
            if sent_id is None:  # named by our order id
                continue
            remembered = self._accounts[account_id]
            sent = remembered.orders[remembered.by_name[sent_id]]
            may_name = sent.venue_order_id is None and first_ids.setdefault(sent.id, venue_order_id) == venue_order_id
            found_id = remembered.by_name.get((instrument_id, venue_order_id))
            if found_id is not None:
                orders[found_id] = remembered.orders[found_id]
            elif not may_name:
                return False
        return True

    def learn(self, rows: BatchRows, changes: BatchChanges, versions: Mapping[TradingAccountId, str]) -> None:
        """Remember the changes that were saved on top of `rows`. `versions` are the new versions of the accounts."""
        if not rows.is_remembered:
            self._begin(rows, versions.keys())
        changed = {account.id: self._accounts[account.id] for account in changes.accounts if account.id in versions}
        for account in changes.accounts:
            if account.id in changed:
                changed[account.id].account = account
                changed[account.id].version = versions[account.id]
        for balance in changes.balances:
            if balance.account_id in changed:
                changed[balance.account_id].balances[balance.asset] = balance
        for position in changes.positions:
            if position.account_id in changed:
                changed[position.account_id].put_position(position)
        for order in (*changes.created, *changes.updated):
            if order.account_id in changed:
                remembered = changed[order.account_id]
                self._count(remembered, -1)
                remembered.put_order(order)
                self._count(remembered, 1)
        for account_id, remembered in changed.items():
            if remembered.claims is not None:
                remembered.claims = _moved(remembered, rows, changes, account_id)
        self._keep_within_limits()

    def forget(self, account_ids: Iterable[TradingAccountId]) -> None:
        for account_id in account_ids:
            forgotten = self._accounts.pop(account_id, None)
            if forgotten is not None:
                self._count(forgotten, -1)

    def _count(self, remembered: _Remembered, sign: int) -> None:
        self._orders_count += sign * len(remembered.orders)
        self._executions_count += sign * remembered.executions_count

    def _begin(self, rows: BatchRows, account_ids: Iterable[TradingAccountId]) -> None:
        """Remember the rows that were read of these accounts: all of their balances and open positions. What was
        remembered of an account at the same version is as true as what was read."""
        begun = {id for id in account_ids if not self._is_same(id, rows)}
        self.forget(begun)
        for account in rows.accounts:
            if account.id in begun:
                self._accounts[account.id] = _Remembered(rows.versions[account.id], account)
                if account.id in rows.limiting or (account.needs_claims and account.id in rows.reserving):
                    self._accounts[account.id].claims = [each for each in rows.claims if each.account_id == account.id]
        for balance in rows.balances:
            if balance.account_id in begun:
                self._accounts[balance.account_id].balances[balance.asset] = balance
        for position in rows.positions:
            if position.account_id in begun:
                self._accounts[position.account_id].put_position(position)

    def _is_same(self, account_id: TradingAccountId, rows: BatchRows) -> bool:
        """Whether the account is remembered as it was read, with all that its next batch may need."""
        known = self._accounts.get(account_id)
        if known is None or known.version != rows.versions[account_id]:
            return False
        if account_id in rows.limiting:
            return known.claims is not None
        return account_id not in rows.reserving or known.claims_for_new_orders() is not None

    def _keep_within_limits(self) -> None:
        while (
            len(self._accounts) > ACCOUNTS_MAX
            or self._orders_count > ORDERS_MAX
            or self._executions_count > EXECUTIONS_MAX
        ):
            self.forget([next(iter(self._accounts))])


def _names(order: Order) -> Iterator[_Name]:
    if order.sent_id is not None:
        yield order.sent_id
    for venue_order_id in (order.venue_order_id, *order.former_venue_order_ids):
        if venue_order_id is not None:
            yield order.instrument_id, venue_order_id


def _named(keys: BatchKeys) -> Iterator[tuple[TradingAccountId, _Name]]:
    yield from keys.sent_orders
    for account_id, instrument_id, venue_order_id in keys.venue_orders:
        yield account_id, (instrument_id, venue_order_id)


def _moved(
    remembered: _Remembered, rows: BatchRows, changes: BatchChanges, account_id: TradingAccountId
) -> Sequence[Claim]:
    """Return the account's claims after the changes of its orders."""
    created = [order for order in changes.created if order.account_id == account_id]
    updated = [order for order in changes.updated if order.account_id == account_id]
    claims = Claims(remembered.claims or (), Journal())
    for position in (*remembered.positions.values(), *changes.positions):
        claims.know_position(position.id, position.side)
    before = {order.id: order for order in rows.orders} if updated else {}
    for order in created:
        claims.move(None, order)
    for order in updated:
        claims.move(before[order.id], order)
    return list(claims.all())

"""The accounts' rows as this process saved them last, so that the next batch need not read them again.

They may be out of date: another process may have changed the account since. So nothing that was decided on them counts
before `save` has found every account at the version that is remembered here; whatever changes an order, a balance or a
position of an account changes its row, and with it the version.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.ids import OrderId, PositionId, TradingAccountId
from cadenza.domain.trading.claims import Claim, Claims
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position, PositionStatus
from cadenza.ports.storage.trading import BatchChanges, BatchKeys, BatchRows

ACCOUNT_ORDERS_MAX = 512
"""Open orders remembered of one account; beyond, the one changed longest ago is forgotten."""
ORDERS_MAX = 20_000
"""Open orders remembered of all accounts (about 2 KB each, and 0.5 KB for each execution)."""
ORDER_EXECUTIONS_MAX = 16
"""Orders with more executions are read anew each time."""
ACCOUNTS_MAX = 10_000


@dataclass(slots=True)
class _Remembered:
    version: str
    account: TradingAccount
    balances: dict[str, Balance] = field(default_factory=dict)
    positions: dict[PositionId, Position] = field(default_factory=dict)
    orders: OrderedDict[OrderId, Order] = field(default_factory=OrderedDict)
    by_venue: dict[str, OrderId] = field(default_factory=dict)
    claims: Sequence[Claim] | None = None
    """Of all its open orders, remembered or not; None when they were not asked for."""

    def claims_for(self, keys: BatchKeys) -> Sequence[Claim] | None:
        """Return what the batch needs of them; None when it is not known."""
        return self.claims if self.account.is_margined and self.account.id in keys.reserving else ()

    def put_order(self, order: Order) -> None:
        self.drop_order(order.id)
        if order.is_closed or len(order.executions) > ORDER_EXECUTIONS_MAX:
            return
        self.orders[order.id] = order
        if order.venue_order_id is not None:
            self.by_venue[order.venue_order_id] = order.id
        if len(self.orders) > ACCOUNT_ORDERS_MAX:
            self.drop_order(next(iter(self.orders)))

    def drop_order(self, order_id: OrderId) -> None:
        dropped = self.orders.pop(order_id, None)
        if dropped is not None and dropped.venue_order_id is not None:
            self.by_venue.pop(dropped.venue_order_id, None)

    def put_position(self, position: Position) -> None:
        if position.status is PositionStatus.OPEN:
            self.positions[position.id] = position
        else:
            self.positions.pop(position.id, None)


class RememberedRows:
    """Accounts by id, the one used longest ago first."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[TradingAccountId, _Remembered] = OrderedDict()
        self._orders_count = 0

    def recall(self, keys: BatchKeys) -> BatchRows | None:
        """Return all that the batch needs; None when a part of it is not remembered.

        Whether a key of a new order is taken is not known here: `save` looks.
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
        for account_id, venue_order_id in keys.venue_orders:
            of = self._accounts[account_id]
            found_id = of.by_venue.get(venue_order_id)
            if found_id is None:
                return None
            orders[found_id] = of.orders[found_id]
        for account_id in keys.accounts:
            self._accounts.move_to_end(account_id)
        return BatchRows(
            accounts=[account.account for account in known],
            balances=[balance for account in known for balance in account.balances.values()],
            positions=[position for account in known for position in account.positions.values()],
            orders=list(orders.values()),
            unmatched=(),
            claims=[claim for of_account in claims for claim in of_account or ()],
            reserving=frozenset(keys.reserving),
            versions={account.account.id: account.version for account in known},
            is_remembered=True,
        )

    def learn(self, rows: BatchRows, changes: BatchChanges, versions: Mapping[TradingAccountId, str]) -> None:
        """Take over what was saved on top of `rows`. `versions` are those of the accounts that are now so."""
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
                self._orders_count -= len(remembered.orders)
                remembered.put_order(order)
                self._orders_count += len(remembered.orders)
        for account_id, remembered in changed.items():
            if remembered.claims is not None:
                remembered.claims = _moved(remembered, rows, changes, account_id)
        self._keep_within_limits()

    def forget(self, account_ids: Iterable[TradingAccountId]) -> None:
        for account_id in account_ids:
            forgotten = self._accounts.pop(account_id, None)
            if forgotten is not None:
                self._orders_count -= len(forgotten.orders)

    def _begin(self, rows: BatchRows, account_ids: Iterable[TradingAccountId]) -> None:
        """Remember what was read of these accounts, which is all of their balances and open positions."""
        begun = set(account_ids)
        self.forget(begun)
        for account in rows.accounts:
            if account.id in begun:
                self._accounts[account.id] = _Remembered(rows.versions[account.id], account)
                if account.is_margined and account.id in rows.reserving:
                    self._accounts[account.id].claims = [each for each in rows.claims if each.account_id == account.id]
        for balance in rows.balances:
            if balance.account_id in begun:
                self._accounts[balance.account_id].balances[balance.asset] = balance
        for position in rows.positions:
            if position.account_id in begun:
                self._accounts[position.account_id].put_position(position)

    def _keep_within_limits(self) -> None:
        while len(self._accounts) > ACCOUNTS_MAX or self._orders_count > ORDERS_MAX:
            self.forget([next(iter(self._accounts))])


def _moved(
    remembered: _Remembered, rows: BatchRows, changes: BatchChanges, account_id: TradingAccountId
) -> Sequence[Claim]:
    """Return the account's claims after what was done to its orders."""
    created = [order for order in changes.created if order.account_id == account_id]
    updated = [order for order in changes.updated if order.account_id == account_id]
    claims = Claims(remembered.claims or ())
    for position in (*remembered.positions.values(), *changes.positions):
        claims.know_position(position.id, position.side)
    before = {order.id: order for order in rows.orders} if updated else {}
    for order in created:
        claims.move(None, order)
    for order in updated:
        claims.move(before[order.id], order)
    return list(claims.all())

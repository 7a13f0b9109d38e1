"""The committer's rows: one statement to load and one to save, for any number of accounts and orders.

Nothing is locked in between. `save` looks whether the accounts' rows are still those that were loaded (`xmin`, the
transaction that wrote a row, changes with every write) and writes nothing when they are not.
"""

from collections.abc import Iterable
from typing import Any

from cadenza.adapters.storage.bodies import event_text, report_text
from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.kept import kept_of, kept_row
from cadenza.adapters.storage.remembered import RememberedRows
from cadenza.adapters.storage.rows import (
    account_of,
    account_row,
    balance_of,
    balance_row,
    claim_of,
    execution_row,
    order_row,
    orders_of,
    position_of,
    position_row,
)
from cadenza.domain.ids import TradingAccountId
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.reports import Report
from cadenza.ports.storage.trading import BatchChanges, BatchKeys, BatchRows

# Row sets of different shapes in one round trip: arrays of the tables' own row types.
_LOAD = """
WITH wanted AS (
    SELECT o FROM orders o WHERE o.id = ANY($2::uuid[])
    UNION ALL
    SELECT o FROM unnest($3::uuid[], $4::text[]) AS k (account_id, id)
        JOIN orders o ON o.account_id = k.account_id AND o.client_order_id = k.id
        WHERE NOT o.id = ANY($2::uuid[])
    UNION ALL
    SELECT o FROM unnest($5::uuid[], $6::text[]) AS k (account_id, id)
        JOIN orders o ON o.account_id = k.account_id AND o.idempotency_key = k.id
        WHERE NOT o.id = ANY($2::uuid[])
    UNION ALL
    SELECT o FROM unnest($7::uuid[], $8::text[]) AS k (account_id, id)
        JOIN orders o ON o.account_id = k.account_id AND o.sent_id = k.id
        WHERE NOT o.id = ANY($2::uuid[])
    UNION ALL
    SELECT o FROM unnest($9::uuid[], $10::text[], $11::text[]) AS k (account_id, instrument_id, id)
        JOIN orders o ON (o.account_id, o.instrument_id, o.venue_order_id) = (k.account_id, k.instrument_id, k.id)
        WHERE NOT o.id = ANY($2::uuid[])
    UNION ALL
    SELECT o FROM unnest($9::uuid[], $10::text[], $11::text[]) AS k (account_id, instrument_id, id)
        JOIN orders o ON o.account_id = k.account_id AND o.former_venue_order_ids <> '{}'
        WHERE o.instrument_id = k.instrument_id AND k.id = ANY(o.former_venue_order_ids) AND NOT o.id = ANY($2::uuid[])
), curable AS (
    SELECT u FROM kept_reports u WHERE u.account_id = ANY($1::uuid[]) AND u.is_curable
)
SELECT
    (SELECT array_agg(a ORDER BY a.id) FROM trading_accounts a WHERE a.id = ANY($1::uuid[])) AS accounts,
    (SELECT array_agg(a.xmin::text ORDER BY a.id) FROM trading_accounts a WHERE a.id = ANY($1::uuid[])) AS versions,
    (SELECT array_agg(b) FROM balances b WHERE b.account_id = ANY($1::uuid[])) AS balances,
    (SELECT array_agg(p) FROM positions p WHERE p.account_id = ANY($1::uuid[]) AND p.status = 'OPEN') AS positions,
    (SELECT array_agg(c.p) FROM (
        SELECT DISTINCT ON (p.account_id, p.instrument_id, p.side) p FROM positions p
        WHERE p.account_id = ANY($1::uuid[]) AND p.as_of > 0
        ORDER BY p.account_id, p.instrument_id, p.side, p.as_of DESC
    ) c WHERE (c.p).status <> 'OPEN') AS closed_by_venue,
    (SELECT array_agg(o) FROM wanted) AS orders,
    (SELECT array_agg(e ORDER BY e.executed_at_ms, length(e.trade_id), e.trade_id) FROM executions e
        WHERE e.order_id IN (SELECT (o).id FROM wanted)
    ) AS executions,
    (SELECT array_agg(u ORDER BY (u).at_ms) FROM curable WHERE EXISTS (
            SELECT FROM unnest($13::uuid[], $14::text[]) AS k (account_id, name)
            WHERE k.account_id = (u).account_id AND k.name IN ((u).order_id::text, (u).sent_id, (u).venue_order_id)
        ) OR EXISTS (
            SELECT FROM wanted WHERE (o).account_id = (u).account_id AND (
                (o).id = (u).order_id OR (o).sent_id = (u).sent_id
                OR ((o).instrument_id, (o).venue_order_id) = ((u).instrument_id, (u).venue_order_id)
            )
        )
    ) AS kept,
    (SELECT array_agg(DISTINCT (u).account_id) FROM curable) AS keeping,
    (SELECT array_agg(c) FROM (
        SELECT g.account_id, g.instrument_id, g.side, g.position_id, p.side, g.quantity
        FROM (
            SELECT account_id, instrument_id, side, position_id, sum(quantity - executed_quantity) AS quantity
            FROM orders WHERE account_id IN (
                SELECT id FROM trading_accounts WHERE id = ANY($12::uuid[]) AND type <> 'SPOT'
            ) AND status IN ('CREATED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL')
            GROUP BY account_id, instrument_id, side, position_id
        ) g LEFT JOIN positions p ON p.id = g.position_id
    ) c) AS claims
"""

_SAVE = """
WITH unchanged AS (
    SELECT FROM trading_accounts a JOIN unnest($8::uuid[], $17::text[]) AS n (id, version) ON a.id = n.id
    WHERE a.xmin::text = n.version ORDER BY a.id FOR UPDATE OF a
), go AS (
    SELECT WHERE (SELECT count(*) FROM unchanged) = cardinality($8::uuid[])
        AND NOT EXISTS (SELECT FROM orders o WHERE o.id = ANY($18::uuid[]))
        AND NOT EXISTS (
            SELECT FROM unnest($19::uuid[], $20::text[]) AS n (account_id, key)
            JOIN orders o ON o.account_id = n.account_id AND o.idempotency_key = n.key
        ) AND NOT EXISTS (
            SELECT FROM unnest($19::uuid[], $21::text[]) AS n (account_id, client_id)
            JOIN orders o ON o.account_id = n.account_id AND o.client_order_id = n.client_id
        )
), created AS (
    INSERT INTO orders SELECT n.* FROM go, unnest($1::orders[]) AS n
), updated AS (
    UPDATE orders o SET
        position_id = n.position_id, quantity = n.quantity, limit_price = n.limit_price, stop_price = n.stop_price,
        status = n.status, reject_reason = n.reject_reason, cancel_reason = n.cancel_reason,
        venue_order_id = n.venue_order_id, former_venue_order_ids = n.former_venue_order_ids, doubt = n.doubt,
        stated_quantity = n.stated_quantity, stated_at_ms = n.stated_at_ms,
        quantity_stated_at_ms = n.quantity_stated_at_ms, closing_status = n.closing_status,
        closing_reason = n.closing_reason, closing_at_ms = n.closing_at_ms, is_awaited = n.is_awaited,
        executed_quantity = n.executed_quantity, executed_cost = n.executed_cost, fees = n.fees,
        reserved_remaining = n.reserved_remaining, updated_at_ms = n.updated_at_ms,
        closed_at_ms = n.closed_at_ms, version = n.version
    FROM go, unnest($2::orders[]) AS n WHERE o.id = n.id
), executed AS (
    INSERT INTO executions SELECT n.* FROM go, unnest($3::executions[]) AS n
    ON CONFLICT (id) DO UPDATE SET
        price = excluded.price, quantity = excluded.quantity, fees = excluded.fees,
        corrected_at_ms = excluded.corrected_at_ms, fees_at_ms = excluded.fees_at_ms,
        is_busted = excluded.is_busted, position_side = excluded.position_side
), balanced AS (
    INSERT INTO balances SELECT n.* FROM go, unnest($4::balances[]) AS n
    ON CONFLICT (account_id, asset) DO UPDATE SET
        total = excluded.total, locked = excluded.locked, borrowed = excluded.borrowed,
        status = excluded.status, as_of = excluded.as_of, updated_at_ms = excluded.updated_at_ms
), positioned AS (
    INSERT INTO positions SELECT n.* FROM go, unnest($5::positions[]) AS n
    ON CONFLICT (id) DO UPDATE SET
        status = excluded.status, quantity = excluded.quantity, entry_cost = excluded.entry_cost,
        closed_quantity = excluded.closed_quantity, closed_cost = excluded.closed_cost,
        realized_pnl = excluded.realized_pnl, leverage = excluded.leverage, as_of = excluded.as_of,
        updated_at_ms = excluded.updated_at_ms, closed_at_ms = excluded.closed_at_ms
), logged AS (
    INSERT INTO account_events SELECT n.* FROM go, unnest($6::account_events[]) AS n
), finished AS (
    UPDATE operations o SET status = n.status, finished_at_ms = n.finished_at_ms, failure = n.failure
    FROM go, unnest($10::uuid[], $11::text[], $12::bigint[], $13::text[]) AS n (id, status, finished_at_ms, failure)
    WHERE o.id = n.id
), taken AS (
    DELETE FROM kept_reports u USING go, unnest($14::uuid[], $15::text[], $16::text[]) AS n (account_id, kind, body)
    WHERE u.account_id = n.account_id AND u.kind = n.kind AND md5(u.body) = md5(n.body)
), kept AS (
    INSERT INTO kept_reports SELECT n.* FROM go, unnest($7::kept_reports[]) AS n ON CONFLICT DO NOTHING
), moved AS (
    UPDATE trading_accounts a SET
        nickname = n.nickname, external_type = n.external_type, type = n.type, position_mode = n.position_mode,
        collateral_mode = n.collateral_mode, margin_mode = n.margin_mode, max_leverage = n.max_leverage,
        credential_ids = n.credential_ids, status = n.status, updated_at_ms = n.updated_at_ms,
        last_sequence = n.last_sequence, adopted_at_ms = n.adopted_at_ms, complete_until_ms = n.complete_until_ms,
        former_adopted_at_ms = n.former_adopted_at_ms
    FROM go, unnest($9::trading_accounts[]) AS n WHERE a.id = n.id
    RETURNING a.id, a.xmin::text AS version
)
SELECT (SELECT array_agg(id) FROM moved) AS ids, (SELECT array_agg(version) FROM moved) AS versions FROM go
"""


class SqlTrading:
    """`ports.storage.trading.TradingRepository`. With `remembers` off, the rows of every batch are read; the tests run
    both ways."""

    def __init__(self, connections: Connections, *, remembers: bool = True) -> None:
        self._connections = connections
        self._remembered = RememberedRows() if remembers else None
        self.transactions_total = 0
        self.reads_total = 0

    async def load(self, keys: BatchKeys, *, is_fresh: bool = False) -> BatchRows:
        if self._remembered is not None and not is_fresh:
            recalled = self._remembered.recall(keys)
            if recalled is not None:
                return recalled
        self.reads_total += 1
        async with self._connections.use() as connection:
            row = await connection.fetchrow(
                _LOAD,
                list(keys.accounts),
                list(keys.orders),
                *_columns(keys.client_orders, 2),
                *_columns(keys.idempotency, 2),
                *_columns(keys.sent_orders, 2),
                *_columns(keys.venue_orders, 3),
                list(keys.reserving),
                *_columns(keys.kept, 2),
            )
        assert row is not None  # a SELECT without FROM always has one row
        accounts = [account_of(account) for account in row["accounts"] or ()]
        return BatchRows(
            accounts=accounts,
            balances=[balance_of(balance) for balance in row["balances"] or ()],
            positions=[
                position_of(position) for position in (*(row["closed_by_venue"] or ()), *(row["positions"] or ()))
            ],
            orders=orders_of(row["orders"] or (), row["executions"] or ()),
            kept=[kept_of(kept) for kept in row["kept"] or ()],
            claims=[claim_of(claim) for claim in row["claims"] or ()],
            reserving=frozenset(keys.reserving),
            versions=dict(zip((account.id for account in accounts), row["versions"] or (), strict=True)),
            keeping=frozenset(row["keeping"] or ()),
        )

    async def save(self, rows: BatchRows, changes: BatchChanges) -> bool:
        account_ids = [account.id for account in changes.accounts]
        try:
            async with self._connections.use() as connection:
                saved = await connection.fetchrow(_SAVE, *_parameters(rows, changes, account_ids))
        except BaseException:  # it is unknown whether it wrote, and which server will answer next
            self._forget_all()
            raise
        if saved is None:
            self._forget(rows.versions)
            return False
        self.transactions_total += 1
        if self._remembered is not None:
            versions = dict(zip(saved["ids"] or (), saved["versions"] or (), strict=True))
            keeping = rows.keeping.union(kept.report.account_id for kept in changes.kept)
            self._remembered.forget(keeping)
            self._remembered.learn(rows, changes, {id: v for id, v in versions.items() if id not in keeping})
        return True

    def _forget_all(self) -> None:
        if self._remembered is not None:
            self._remembered = RememberedRows()

    def _forget(self, account_ids: Iterable[TradingAccountId]) -> None:
        if self._remembered is not None:
            self._remembered.forget(account_ids)


def _parameters(rows: BatchRows, changes: BatchChanges, account_ids: list[TradingAccountId]) -> tuple[Any, ...]:
    return (
        [order_row(order) for order in changes.created],
        [order_row(order) for order in changes.updated],
        [execution_row(execution) for execution in changes.executions],
        [balance_row(balance) for balance in changes.balances],
        [position_row(position) for position in changes.positions],
        [_event_row(event) for event in changes.events],
        [kept_row(kept) for kept in changes.kept],
        account_ids,
        [account_row(account) for account in changes.accounts],
        [operation.id for operation in changes.operations],
        [operation.status.value for operation in changes.operations],
        [operation.finished_at_ms for operation in changes.operations],
        [operation.failure for operation in changes.operations],
        [kept.report.account_id for kept in changes.taken],
        *_texts([kept.report for kept in changes.taken]),
        [rows.versions[account_id] for account_id in account_ids],
        [order.id for order in changes.created],
        [order.account_id for order in changes.created],
        [order.idempotency_key for order in changes.created],
        [order.client_order_id for order in changes.created],
    )


def _columns(keys: set[Any], count: int) -> list[list[Any]]:
    """The tuples of a set as that many columns."""
    ordered = list(keys)
    return [[key[column] for key in ordered] for column in range(count)]


def _texts(reports: list[Report]) -> tuple[list[str], list[str]]:
    """Kinds and bodies."""
    texts = [report_text(report) for report in reports]
    return [kind for kind, _ in texts], [body for _, body in texts]


def _event_row(event: AccountEvent) -> tuple[Any, ...]:
    kind, body = event_text(event.body)
    return (event.account_id, event.sequence, event.tenant_id, event.at_ms, kind, body)

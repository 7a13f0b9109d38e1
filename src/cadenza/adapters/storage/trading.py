"""The committer's rows: one statement to load and one to save (`saving.py`), for any number of accounts and orders.

Nothing is locked in between. `save` looks whether the accounts' rows are still those that were loaded, and writes
nothing when they are not.
"""

from collections.abc import Iterable
from typing import Any

import asyncpg

from cadenza.adapters.storage.connections import Connections
from cadenza.adapters.storage.kept import kept_of
from cadenza.adapters.storage.remembered import RememberedRows
from cadenza.adapters.storage.rows import account_of, balance_of, claim_of, orders_of, position_of
from cadenza.adapters.storage.saving import KEYS_OF_NEW_ORDERS, VENUE_ORDER_IDS, save_statement
from cadenza.adapters.storage.statuses import OPEN_STATUSES
from cadenza.domain.ids import TradingAccountId
from cadenza.ports.storage.trading import BatchChanges, BatchKeys, BatchRows

# Row sets of different shapes in one round trip: arrays of the tables' own row types.
_LOAD = f"""
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
        JOIN orders o ON o.account_id = k.account_id AND o.former_venue_order_ids <> '{{}}'
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
        SELECT g.account_id, g.instrument_id, g.side, g.position_id, p.side, g.quantity, g.count, g.base_asset
        FROM (
            SELECT account_id, instrument_id, side, position_id,
                sum(quantity - executed_quantity) AS quantity, count(*) AS count, max(base_asset) AS base_asset
            FROM orders WHERE account_id IN (
                SELECT id FROM trading_accounts WHERE id = ANY($15::uuid[])
                    OR id = ANY($12::uuid[])
                        AND (type <> 'SPOT' OR risk IS NOT NULL OR 'REDUCING' IN (trading_mode, tenant_trading_mode))
            ) AND status IN {OPEN_STATUSES}
            GROUP BY account_id, instrument_id, side, position_id
        ) g LEFT JOIN positions p ON p.id = g.position_id
    ) c) AS claims
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
        if self._remembered is not None and not is_fresh and not keys.needs_fresh:
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
                *_columns(keys.sent_orders | keys.new_sent_ids, 2),
                *_columns(keys.venue_orders.union(other[:3] for other in keys.other_names), 3),
                list(keys.reserving),
                *_columns(keys.kept, 2),
                list(keys.limiting),
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
            limiting=frozenset(keys.limiting),
            versions=dict(zip((account.id for account in accounts), row["versions"] or (), strict=True)),
            keeping=frozenset(row["keeping"] or ()),
        )

    async def save(self, rows: BatchRows, changes: BatchChanges) -> bool:
        try:
            async with self._connections.use() as connection:
                saved = await connection.fetchrow(*save_statement(rows, changes))
        except asyncpg.UniqueViolationError as error:
            self._forget(rows.versions)
            if error.constraint_name == VENUE_ORDER_IDS and rows.is_remembered:
                return False  # fresh rows show which other order has the venue's id
            if error.constraint_name not in KEYS_OF_NEW_ORDERS or all(order.is_external for order in changes.created):
                raise
            return False  # fresh rows show which order has the key
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


def _columns(keys: set[Any], count: int) -> list[list[Any]]:
    """The tuples of a set as that many columns."""
    ordered = list(keys)
    return [[key[column] for key in ordered] for column in range(count)]

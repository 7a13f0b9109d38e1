"""How a batch is saved: one statement, made of the parts that have rows.

A part costs time without rows too: PostgreSQL opens its table and each of its indexes. So a batch names only the parts
that it needs. There are few such combinations, and the text of each is made once.

The rows of a part travel as an array of its table's own row type. No part writes anything unless `go` has a row: all
accounts that the batch writes are at the version that was loaded (`xmin`, the transaction that wrote a row, changes
with every write).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any

from cadenza.adapters.storage.bodies import event_text, report_text
from cadenza.adapters.storage.kept import kept_row
from cadenza.adapters.storage.rows import account_row, balance_row, execution_row, order_row, position_row
from cadenza.domain.accounts.operation import Operation
from cadenza.domain.trading.events import AccountEvent
from cadenza.domain.trading.kept import KeptReport
from cadenza.ports.storage.trading import BatchChanges, BatchRows

KEYS_OF_NEW_ORDERS = frozenset({"orders_pkey", "orders_client_order_id", "orders_idempotency_key", "orders_sent_id"})
"""Unique indexes that a new order violates when its request, or its id at the venue, was recorded before."""

VENUE_ORDER_IDS = "orders_venue_order_id"
"""The unique index that an order violates when its venue gives it the id of another order of the account."""

_GO = """
WITH unchanged AS (
    SELECT FROM trading_accounts a JOIN unnest($1::uuid[], $2::text[]) AS n (id, version) ON a.id = n.id
    WHERE a.xmin::text = n.version ORDER BY a.id FOR UPDATE OF a
), go AS (
    SELECT WHERE (SELECT count(*) FROM unchanged) = cardinality($1::uuid[])
)"""

_CREATED = "INSERT INTO orders SELECT n.* FROM go, unnest($::orders[]) AS n"
_UPDATED = """
UPDATE orders o SET
    position_id = n.position_id, quantity = n.quantity, limit_price = n.limit_price, stop_price = n.stop_price,
    expiry = n.expiry, released_at_ms = n.released_at_ms, send_before_ms = n.send_before_ms,
    status = n.status, reject_reason = n.reject_reason, cancel_reason = n.cancel_reason,
    venue_order_id = n.venue_order_id, former_venue_order_ids = n.former_venue_order_ids, doubt = n.doubt,
    stated_quantity = n.stated_quantity, stated_at_ms = n.stated_at_ms, trigger_stated_at_ms = n.trigger_stated_at_ms,
    quantity_stated_at_ms = n.quantity_stated_at_ms, cancel_refused_at_ms = n.cancel_refused_at_ms,
    closing_status = n.closing_status, closing_reason = n.closing_reason, closing_at_ms = n.closing_at_ms,
    is_awaited = n.is_awaited,
    in_doubt_since_ms = n.in_doubt_since_ms,
    executed_quantity = n.executed_quantity, executed_cost = n.executed_cost, fees = n.fees,
    reserved_remaining = n.reserved_remaining, updated_at_ms = n.updated_at_ms,
    closed_at_ms = n.closed_at_ms, version = n.version
FROM go, unnest($::orders[]) AS n WHERE o.id = n.id
"""
_EXECUTED = """
INSERT INTO executions SELECT n.* FROM go, unnest($::executions[]) AS n
ON CONFLICT (id) DO UPDATE SET
    price = excluded.price, quantity = excluded.quantity, fees = excluded.fees,
    liquidity = excluded.liquidity, executed_at_ms = excluded.executed_at_ms,
    corrected_at_ms = excluded.corrected_at_ms, fees_at_ms = excluded.fees_at_ms,
    is_busted = excluded.is_busted, position_side = excluded.position_side,
    is_by_operator = excluded.is_by_operator
"""
_BALANCED = """
INSERT INTO balances SELECT n.* FROM go, unnest($::balances[]) AS n
ON CONFLICT (account_id, asset) DO UPDATE SET
    total = excluded.total, locked = excluded.locked, borrowed = excluded.borrowed,
    status = excluded.status, as_of = excluded.as_of, updated_at_ms = excluded.updated_at_ms
"""
_POSITIONED = """
INSERT INTO positions SELECT n.* FROM go, unnest($::positions[]) AS n
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, quantity = excluded.quantity, entry_cost = excluded.entry_cost,
    closed_quantity = excluded.closed_quantity, closed_cost = excluded.closed_cost,
    realized_pnl = excluded.realized_pnl, leverage = excluded.leverage,
    maintenance_margin = excluded.maintenance_margin, as_of = excluded.as_of,
    updated_at_ms = excluded.updated_at_ms, closed_at_ms = excluded.closed_at_ms,
    settled_cost = excluded.settled_cost
"""
_LOGGED = "INSERT INTO account_events SELECT n.* FROM go, unnest($::account_events[]) AS n"
_FINISHED = """
UPDATE operations o SET status = n.status, finished_at_ms = n.finished_at_ms, failure = n.failure
FROM go, unnest($::uuid[], $::text[], $::bigint[], $::text[]) AS n (id, status, finished_at_ms, failure)
WHERE o.id = n.id
"""
_TAKEN = """
DELETE FROM kept_reports u USING go, unnest($::uuid[], $::text[], $::text[]) AS n (account_id, kind, body)
WHERE u.account_id = n.account_id AND u.kind = n.kind AND md5(u.body) = md5(n.body)
"""
_KEPT = "INSERT INTO kept_reports SELECT n.* FROM go, unnest($::kept_reports[]) AS n ON CONFLICT DO NOTHING"
_MOVED = """
UPDATE trading_accounts a SET
    nickname = n.nickname, external_type = n.external_type, type = n.type, position_mode = n.position_mode,
    collateral_mode = n.collateral_mode, margin_mode = n.margin_mode, max_leverage = n.max_leverage,
    credential_ids = n.credential_ids, status = n.status, updated_at_ms = n.updated_at_ms,
    last_sequence = n.last_sequence, adopted_at_ms = n.adopted_at_ms, complete_until_ms = n.complete_until_ms,
    former_adopted_at_ms = n.former_adopted_at_ms, trading_mode = n.trading_mode, risk = n.risk,
    unconfirmed = n.unconfirmed
FROM go, unnest($::trading_accounts[]) AS n WHERE a.id = n.id
RETURNING a.id, a.xmin::text AS version
"""
_VERSIONS = (
    "SELECT (SELECT array_agg(id) FROM moved) AS ids, (SELECT array_agg(version) FROM moved) AS versions FROM go"
)


_Columns = Callable[[Sequence[Any]], list[list[Any]]]


def save_statement(rows: BatchRows, changes: BatchChanges) -> tuple[Any, ...]:
    """Return the statement that saves the changes, and its parameters. The statement returns no row if the batch must
    be decided again; otherwise the ids and the new versions of the accounts that it wrote."""
    account_ids = [account.id for account in changes.accounts]
    parts: list[str] = []
    parameters: list[list[Any]] = [account_ids, [rows.versions[account_id] for account_id in account_ids]]
    for part, values, columns in _filled(changes):
        parts.append(part)
        parameters += columns(values)
    return (_text(tuple(parts)), *parameters)


def _filled(changes: BatchChanges) -> Iterable[tuple[str, Sequence[Any], _Columns]]:
    """The parts that have rows. The accounts' part is always one of them: it returns their versions."""
    parts: Iterable[tuple[str, Sequence[Any], _Columns]] = (
        (_CREATED, changes.created, _of_rows(order_row)),
        (_UPDATED, changes.updated, _of_rows(order_row)),
        (_EXECUTED, changes.executions, _of_rows(execution_row)),
        (_BALANCED, changes.balances, _of_rows(balance_row)),
        (_POSITIONED, changes.positions, _of_rows(position_row)),
        (_LOGGED, changes.events, _of_rows(_event_row)),
        (_FINISHED, changes.operations, _operation_columns),
        (_TAKEN, changes.taken, _taken_columns),
        (_KEPT, changes.kept, _of_rows(kept_row)),
    )
    yield from (part for part in parts if part[1])
    yield _MOVED, changes.accounts, _of_rows(account_row)


@cache
def _text(parts: tuple[str, ...]) -> str:
    numbers = count(3)
    texts = [re.sub(r"\$", lambda _: f"${next(numbers)}", part) for part in parts]
    *others, moved = texts
    named = [f"part_{place} AS ({text})" for place, text in enumerate(others)]
    return f"{_GO}, {', '.join([*named, f'moved AS ({moved})'])} {_VERSIONS}"


def _of_rows(row_of: Callable[[Any], tuple[Any, ...]]) -> _Columns:
    """One parameter: an array of rows."""
    return lambda values: [[row_of(value) for value in values]]


def _operation_columns(operations: Sequence[Operation]) -> list[list[Any]]:
    return [
        [operation.id for operation in operations],
        [operation.status.value for operation in operations],
        [operation.finished_at_ms for operation in operations],
        [operation.failure for operation in operations],
    ]


def _taken_columns(taken: Sequence[KeptReport]) -> list[list[Any]]:
    texts = [report_text(kept.report) for kept in taken]
    return [
        [kept.report.account_id for kept in taken],
        [kind for kind, _ in texts],
        [body for _, body in texts],
    ]


def _event_row(event: AccountEvent) -> tuple[Any, ...]:
    kind, body = event_text(event.body)
    origin = event.origin
    return (
        event.account_id, event.sequence, event.tenant_id, event.at_ms, kind, body, event.order_id,
        origin.kind, origin.user_id, origin.key_id, origin.request_id or None, origin.client or None,
    )  # fmt: skip

"""The checker: whether two ledgers of one database, the venue's and ours, tell the same story, and conserve money.

Each query returns the rows that break a law; all must return none.
"""

from collections.abc import Mapping

import asyncpg

LAWS: Mapping[str, str] = {
    "an order reached its venue at most once": """
        SELECT order_id FROM paper_order WHERE order_id IS NOT NULL GROUP BY venue, order_id HAVING count(*) > 1
    """,
    "what the venue knows of ours, we know": """
        SELECT p.venue_order_id FROM paper_order p LEFT JOIN orders o ON o.id = p.order_id
        WHERE p.order_id IS NOT NULL AND o.id IS NULL
    """,
    "what we believe sent and answered, the venue knows": """
        SELECT o.id, o.status FROM orders o LEFT JOIN paper_order p ON p.order_id = o.id
        WHERE p.order_id IS NULL AND NOT o.is_external AND o.status <> 'REVOKED'
            AND NOT (o.status = 'REJECTED' AND split_part(o.reject_reason, ':', 1) = 'NOT_SENT')
    """,
    "an order ended here as it ended there": """
        SELECT o.id, o.status, p.status AS at_venue, o.executed_quantity, p.quantity - p.remaining AS filled
        FROM orders o JOIN paper_order p ON p.order_id = o.id
        WHERE o.status <> 'REVOKED' AND (o.executed_quantity <> (SELECT coalesce(sum(f.quantity), 0) FROM paper_fill f
                WHERE (f.venue, f.venue_order_id) = (p.venue, p.venue_order_id))
           OR (p.status = 'ACCEPTED') <> (o.status IN ('ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL'))
           OR (p.status = 'REJECTED') <> (o.status = 'REJECTED')
           OR (p.status = 'CANCELED') <> (o.status = 'CANCELED')
           OR (p.status = 'EXPIRED') <> (o.status = 'EXPIRED'))
    """,
    "every fill is booked exactly once": """
        SELECT f.trade_id, count(e.id) FROM paper_fill f
        JOIN paper_order p USING (venue, venue_order_id)
        LEFT JOIN executions e ON e.order_id = p.order_id AND e.trade_id = f.trade_id
            AND e.price = f.price AND e.quantity = f.quantity
        WHERE p.order_id IS NOT NULL
        GROUP BY f.venue, f.venue_order_id, f.trade_id HAVING count(e.id) <> 1
    """,
    "no execution is invented": """
        SELECT e.id FROM executions e JOIN orders o ON o.id = e.order_id
        LEFT JOIN paper_order p ON p.order_id = o.id
        LEFT JOIN paper_fill f ON (f.venue, f.venue_order_id, f.trade_id) = (p.venue, p.venue_order_id, e.trade_id)
        WHERE f.trade_id IS NULL AND NOT o.is_external
    """,
    "the venue's postings sum to zero": """
        SELECT venue, asset, sum(amount) FROM paper_entry GROUP BY venue, asset HAVING sum(amount) <> 0
    """,
    "the venue's balances are the sums of its postings": """
        SELECT owner, asset, b.total, e.total AS posted FROM paper_balance b
        FULL JOIN (SELECT venue, owner, asset, sum(amount) AS total FROM paper_entry GROUP BY 1, 2, 3) e
            USING (venue, owner, asset)
        WHERE coalesce(b.total, 0) <> coalesce(e.total, 0)
    """,
    "our balances are the venue's": """
        SELECT a.id, p.asset, b.total, p.total AS at_venue FROM trading_accounts a
        JOIN paper_balance p ON p.owner = a.external_id AND p.venue = a.venue
        LEFT JOIN balances b ON b.account_id = a.id AND b.asset = p.asset
        WHERE a.status <> 'DISCONNECTED' AND coalesce(b.total, 0) <> p.total
    """,
    "our positions are the venue's": """
        SELECT a.id, p.instrument_id, p.quantity, o.quantity AS ours FROM trading_accounts a
        JOIN paper_position p ON p.external_id = a.external_id AND p.venue = a.venue
        LEFT JOIN positions o ON o.account_id = a.id AND o.instrument_id = p.instrument_id
            AND o.side = p.side AND o.status = 'OPEN'
        WHERE a.status <> 'DISCONNECTED' AND coalesce(o.quantity, 0) <> p.quantity
    """,
    "what is locked is what open orders hold": """
        SELECT b.account_id, b.asset, b.locked, coalesce(sum(o.reserved_remaining), 0) AS held FROM balances b
        LEFT JOIN orders o ON o.account_id = b.account_id AND o.reserved_asset = b.asset
        GROUP BY b.account_id, b.asset, b.locked HAVING b.locked <> coalesce(sum(o.reserved_remaining), 0)
    """,
    "closed orders hold nothing": """
        SELECT id FROM orders WHERE reserved_remaining <> 0
            AND status IN ('FILLED', 'CANCELED', 'REJECTED', 'EXPIRED', 'REVOKED')
    """,
    "the log of an account has no gap": """
        SELECT a.id, a.last_sequence, count(e.*), max(e.sequence) FROM trading_accounts a
        LEFT JOIN account_events e ON e.account_id = a.id GROUP BY a.id
        HAVING count(e.*) <> a.last_sequence OR coalesce(max(e.sequence), 0) <> a.last_sequence
    """,
    "the log of an account has each execution once": """
        SELECT e.id, l.times FROM executions e FULL JOIN (
            SELECT (added ->> 'id')::uuid AS id, count(*) AS times
            FROM account_events, jsonb_array_elements(body::jsonb -> 'executions') AS added
            WHERE kind = 'order' GROUP BY 1
        ) l ON l.id = e.id WHERE e.id IS NULL OR l.times IS DISTINCT FROM 1
    """,
    "no report is left aside": "SELECT * FROM kept_reports",
    "nothing is missed": "SELECT * FROM news_gaps",
    "no ledger had to be corrected": "SELECT * FROM account_events WHERE kind LIKE '%corrected'",
    "our id at the venue is the venue's id": """
        SELECT o.id, o.sent_id, p.venue_order_id FROM orders o JOIN paper_order p ON p.order_id = o.id
        WHERE o.sent_id <> p.venue_order_id
    """,
    "no operation is left pending": "SELECT id, type FROM operations WHERE status = 'PENDING'",
}


async def violations(dsn: str) -> dict[str, list[dict[str, object]]]:
    """The laws that are broken, with the rows that break them."""
    connection = await asyncpg.connect(dsn)
    try:
        found = {law: [dict(row) for row in await connection.fetch(query)] for law, query in LAWS.items()}
    finally:
        await connection.close()
    return {law: rows for law, rows in found.items() if rows}


async def unanswered(dsn: str) -> int:
    """How many orders are still without an answer."""
    connection = await asyncpg.connect(dsn)
    try:
        query = "SELECT count(*) FROM orders WHERE status IN ('CREATED', 'SUBMITTED', 'PENDING_CANCEL') OR is_awaited"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()

"""What a position realised is unknown where the venue keeps the books. A 0 has stood for that."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    execute_script(UNKNOWN_PROFITS)


UNKNOWN_PROFITS = """
ALTER TABLE positions ALTER COLUMN realized_pnl DROP NOT NULL;
UPDATE positions p SET realized_pnl = NULL FROM trading_accounts a
WHERE a.id = p.account_id AND a.venue IN ('BITFINEX', 'BINANCE', 'DERIBIT', 'OKX');
"""

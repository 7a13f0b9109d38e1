"""The leverage of a position may be unknown. Where the venue keeps the books, a leverage of 1 may have stood for an
unknown one; it is unknown until the venue states it again."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    execute_script(UNKNOWN_LEVERAGE)


UNKNOWN_LEVERAGE = """
ALTER TABLE positions ALTER COLUMN leverage DROP NOT NULL;
UPDATE positions p SET leverage = NULL FROM trading_accounts a
WHERE a.id = p.account_id AND a.venue IN ('BITFINEX', 'BINANCE', 'DERIBIT', 'OKX')
    AND p.status = 'OPEN' AND p.leverage = 1;
"""

"""A posting of the venues that we run ourselves is one row, not two lines that mirror each other.

Who gives and who gets stand in the same row, so that all postings sum to zero however they came to be. `paper_entry`
shows the lines as before. Nothing looks for a posting by a number, so it has none: its index was half of what it cost.
"""

from cadenza.adapters.storage.migrations import execute_script

revision = "0009"
down_revision = "0008"

_SCHEMA = """
-- First of all: what another process commits meanwhile would be copied by nobody and dropped with the table.
LOCK TABLE paper_entry IN ACCESS EXCLUSIVE MODE;
CREATE TABLE paper_posting (
    venue           text NOT NULL,
    source          text NOT NULL,
    target          text NOT NULL,
    asset           text NOT NULL,
    amount          numeric NOT NULL,
    kind            text NOT NULL,
    trade_id        text,
    at_ms           bigint NOT NULL
);
COMMENT ON COLUMN paper_posting.amount IS 'what target has more and source has less of the asset';

-- A posting's lines were written one after the other: what the source lost, then what the target got.
CREATE TEMPORARY TABLE paper_line ON COMMIT DROP AS
    SELECT *, row_number() OVER w AS number, lag(owner) OVER w AS source,
        lag(asset) OVER w AS source_asset,
        lag(amount) OVER w AS source_amount
    FROM paper_entry WINDOW w AS (PARTITION BY venue ORDER BY id);
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM paper_line WHERE number % 2 = 0 AND (source_asset, -source_amount) IS DISTINCT FROM (asset, amount)
    ) OR EXISTS (SELECT FROM paper_line GROUP BY venue HAVING count(*) % 2 <> 0) THEN
        RAISE EXCEPTION 'paper_entry is not made of pairs of lines';
    END IF;
END $$;
INSERT INTO paper_posting
    SELECT venue, source, owner, asset, amount, kind, trade_id, at_ms FROM paper_line WHERE number % 2 = 0 ORDER BY id;

CREATE INDEX paper_posting_insurance ON paper_posting (target, at_ms) WHERE kind = 'INSURANCE';
DROP TABLE paper_entry;
CREATE VIEW paper_entry AS
    SELECT venue, source AS owner, asset, -amount AS amount, kind, trade_id, at_ms FROM paper_posting
    UNION ALL
    SELECT venue, target, asset, amount, kind, trade_id, at_ms FROM paper_posting;
"""


def upgrade() -> None:
    execute_script(_SCHEMA)

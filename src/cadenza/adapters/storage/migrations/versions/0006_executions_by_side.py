"""A trade of an account with itself is two fills under one trade id, one on each side."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0006"
down_revision = "0005"

_SCHEMA = """
DROP INDEX executions_once;
CREATE UNIQUE INDEX executions_once ON executions (account_id, venue, environment, instrument_id, trade_id, side);
"""


def upgrade() -> None:
    execute_script(_SCHEMA)

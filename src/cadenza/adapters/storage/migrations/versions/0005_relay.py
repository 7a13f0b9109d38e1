"""How far the accounts' event logs have been relayed to an outside publisher."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0005"
down_revision = "0004"

_SCHEMA = """ CREATE TABLE relay ( is_only         boolean PRIMARY KEY CHECK (is_only), begun_at_ms     bigint NOT NULL
); COMMENT ON TABLE relay IS 'one row once a relay has run: logs from before that are not published again';

CREATE TABLE relay_cursor (
    account_id      uuid PRIMARY KEY,
    sequence        bigint NOT NULL
);
COMMENT ON COLUMN relay_cursor.sequence IS 'the last event of the account that was published';
"""


def upgrade() -> None:
    execute_script(_SCHEMA)

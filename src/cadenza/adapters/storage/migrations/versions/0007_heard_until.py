"""Up to when everything that an account's venue told has been applied."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0007"
down_revision = "0006"

# An account of before goes on from its newest event, which is what was asked from until now.
_SCHEMA = """
ALTER TABLE trading_accounts ADD COLUMN heard_until_ms bigint;
UPDATE trading_accounts a SET heard_until_ms = (
    SELECT e.at_ms FROM account_events e WHERE e.account_id = a.id ORDER BY e.sequence DESC LIMIT 1
);
COMMENT ON COLUMN trading_accounts.heard_until_ms IS
    'the venue''s instant up to which all that it told has been applied; what came later is asked for again';
"""


def upgrade() -> None:
    execute_script(_SCHEMA)

"""The instant at which a user was removed. The row stays, because the audit log names it; the e-mail address is free
again."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    execute_script(REMOVED_USERS)


REMOVED_USERS = """
ALTER TABLE users ADD COLUMN removed_at_ms bigint;
DROP INDEX users_email;
CREATE UNIQUE INDEX users_email ON users (email) WHERE issuer IS NULL AND removed_at_ms IS NULL;
"""

"""What the profit of an open position counts from that a venue has not paid out yet. It is unknown until the venue
speaks of the position again, and the entry cost counts until then."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    execute_script(SETTLED_COST)


SETTLED_COST = """
ALTER TABLE positions ADD COLUMN settled_cost numeric;
"""

"""Orders of a venue of ours are found by their id alone: no other index of theirs begins with the venue.

With two indexes that do, a plan that was made while the table was empty (as that of the check whether a fill's order is
there) may use the wrong one and read all orders of the venue for each fill.
"""

from cadenza.adapters.storage.migrations import execute_script

revision = "0008"
down_revision = "0007"

_SCHEMA = """
DROP INDEX paper_order_changed;
CREATE INDEX paper_order_changed ON paper_order (external_id, updated_at_ms);
DROP INDEX paper_order_open;
CREATE INDEX paper_order_open ON paper_order (created_at_ms) WHERE status = 'ACCEPTED';
"""


def upgrade() -> None:
    execute_script(_SCHEMA)

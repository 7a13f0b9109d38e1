"""Orders and executions know whether their contract is inverse. What was executed of an inverse one costs quantity /
price, and so do the executions that are stored. The logs of the accounts stay as they are: an earlier event goes on
saying what it said."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    execute_script(INVERSE_COSTS)


# A quotient has the scale of its numerator: 30 decimals, which are then rounded as in `cost_of`.
INVERSE_COSTS = """
ALTER TABLE orders ADD COLUMN is_inverse boolean NOT NULL DEFAULT false;
ALTER TABLE executions ADD COLUMN is_inverse boolean NOT NULL DEFAULT false;
ALTER TABLE orders ALTER COLUMN is_inverse DROP DEFAULT;
ALTER TABLE executions ALTER COLUMN is_inverse DROP DEFAULT;
UPDATE executions e SET is_inverse = true FROM instruments i WHERE i.id = e.instrument_id AND i.is_inverse;
UPDATE orders o SET is_inverse = true, executed_cost = (
    SELECT COALESCE(sum(round(e.quantity::numeric(100, 30) / e.price, 18)), 0)
    FROM executions e WHERE e.order_id = o.id AND NOT e.is_busted
) FROM instruments i WHERE i.id = o.instrument_id AND i.is_inverse;
"""

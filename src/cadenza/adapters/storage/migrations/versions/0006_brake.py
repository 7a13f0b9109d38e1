"""Tables of the brake: trading modes of tenants, mass cancels, dead-man's switches. Instants are bigint milliseconds.

A mass cancel lists its orders, so that it is known later what became of each.
"""

from cadenza.adapters.storage.migrations import execute_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    execute_script(BRAKE)


BRAKE = """
CREATE TABLE tenant_trading_modes (
    tenant_id uuid PRIMARY KEY,
    mode text NOT NULL
);

CREATE TABLE mass_cancels (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    account_id uuid,
    accounts uuid[],
    instrument_id text,
    side text,
    is_unacknowledged boolean NOT NULL,
    origin_kind text NOT NULL,
    user_id uuid,
    key_id uuid,
    request_id text NOT NULL,
    client text NOT NULL,
    requested_at_ms bigint NOT NULL,
    finished_at_ms bigint
);
CREATE INDEX mass_cancels_unfinished ON mass_cancels (id) WHERE finished_at_ms IS NULL;
CREATE INDEX mass_cancels_finished ON mass_cancels (finished_at_ms, id) WHERE finished_at_ms IS NOT NULL;

CREATE TABLE mass_cancel_orders (
    mass_cancel_id uuid NOT NULL REFERENCES mass_cancels,
    account_id uuid NOT NULL,
    order_id uuid NOT NULL,
    PRIMARY KEY (mass_cancel_id, account_id, order_id)
);

CREATE TABLE dead_mans_switches (
    tenant_id uuid NOT NULL,
    account_id uuid,
    user_id uuid NOT NULL,
    key_id uuid,
    period_ms bigint NOT NULL,
    armed_at_ms bigint NOT NULL,
    due_at_ms bigint NOT NULL,
    fired_at_ms bigint,
    mass_cancel_id uuid,
    UNIQUE NULLS NOT DISTINCT (tenant_id, account_id)
);
CREATE INDEX dead_mans_switches_armed ON dead_mans_switches (due_at_ms) WHERE fired_at_ms IS NULL;
"""

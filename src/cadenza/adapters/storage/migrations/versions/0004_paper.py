"""The venues that we run ourselves (PAPER, MOCK): accounts, orders, fills and a double-entry ledger."""

from cadenza.adapters.storage.migrations import execute_script

revision = "0004"
down_revision = "0003"

_SCHEMA = """
CREATE TABLE paper_venue (
    venue           text PRIMARY KEY,
    epoch           bigint NOT NULL,
    trade_sequence  bigint NOT NULL
);
COMMENT ON COLUMN paper_venue.epoch IS 'fencing token: only the writer that took over last may commit';

CREATE TABLE paper_account (
    venue           text NOT NULL REFERENCES paper_venue,
    external_id     text NOT NULL,
    type            text NOT NULL,
    position_mode   text NOT NULL,
    max_leverage    integer NOT NULL,
    opened_at_ms    bigint NOT NULL,
    PRIMARY KEY (venue, external_id)
);

CREATE TABLE paper_order (
    venue           text NOT NULL,
    venue_order_id  text NOT NULL,
    external_id     text NOT NULL,
    order_id        uuid,
    account_id      uuid,
    instrument_id   text NOT NULL,
    side            text NOT NULL,
    type            text NOT NULL,
    time_in_force   text NOT NULL,
    quantity        numeric NOT NULL CHECK (quantity > 0),
    remaining       numeric NOT NULL CHECK (remaining >= 0),
    limit_price     numeric,
    stop_price      numeric,
    trail_distance  numeric,
    expire_at_ms    bigint,
    leverage        integer,
    position_side   text,
    is_closing      boolean NOT NULL,
    is_liquidation  boolean NOT NULL,
    status          text NOT NULL,
    reason          text,
    hold_rate       numeric NOT NULL,
    is_triggered    boolean NOT NULL,
    sequence        bigint NOT NULL,
    queue_ahead     numeric NOT NULL,
    script          text,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (venue, venue_order_id)
);
CREATE INDEX paper_order_open ON paper_order (created_at_ms) WHERE status = 'ACCEPTED';
CREATE INDEX paper_order_changed ON paper_order (external_id, updated_at_ms);
COMMENT ON INDEX paper_order_changed IS
    'only the primary key begins with the venue: a plan made on an empty table must not read a whole venue per fill';

CREATE TABLE paper_fill (
    venue           text NOT NULL,
    trade_id        text NOT NULL,
    venue_order_id  text NOT NULL,
    price           numeric NOT NULL CHECK (price > 0),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    fee_asset       text,
    fee_quantity    numeric,
    liquidity       text NOT NULL,
    position_side   text,
    leverage        integer,
    at_ms           bigint NOT NULL,
    PRIMARY KEY (venue, venue_order_id, trade_id),
    FOREIGN KEY (venue, venue_order_id) REFERENCES paper_order
);

CREATE TABLE paper_balance (
    venue           text NOT NULL,
    owner           text NOT NULL,
    asset           text NOT NULL,
    total           numeric NOT NULL,
    PRIMARY KEY (venue, owner, asset)
);

CREATE TABLE paper_position (
    venue           text NOT NULL,
    external_id     text NOT NULL,
    instrument_id   text NOT NULL,
    side            text NOT NULL,
    quantity        numeric NOT NULL,
    entry_cost      numeric NOT NULL,
    leverage        integer NOT NULL,
    created_at_ms   bigint NOT NULL,
    updated_at_ms   bigint NOT NULL,
    PRIMARY KEY (venue, external_id, instrument_id, side),
    FOREIGN KEY (venue, external_id) REFERENCES paper_account
);

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
COMMENT ON COLUMN paper_posting.amount IS
    'target gains and source loses this much of the asset, so all postings sum to zero';
CREATE INDEX paper_posting_insurance ON paper_posting (target, at_ms) WHERE kind = 'INSURANCE';
CREATE VIEW paper_entry AS
    SELECT venue, source AS owner, asset, -amount AS amount, kind, trade_id, at_ms FROM paper_posting
    UNION ALL
    SELECT venue, target, asset, amount, kind, trade_id, at_ms FROM paper_posting;

CREATE TABLE paper_engine (
    venue           text NOT NULL,
    instrument_id   text NOT NULL,
    last_price      bigint,
    sequence        bigint NOT NULL,
    trade_sequence  bigint NOT NULL,
    now_ms          bigint NOT NULL,
    levels          jsonb NOT NULL,
    PRIMARY KEY (venue, instrument_id)
);
COMMENT ON COLUMN paper_engine.levels IS 'market liquidity that own orders took from:
[side, ticks, lots displayed, lots taken]';
"""


def upgrade() -> None:
    execute_script(_SCHEMA)

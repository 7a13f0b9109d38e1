"""Tables of accounts, credentials, orders, positions, balances and the accounts' event logs.

Instants are bigint milliseconds, amounts are exact numerics. Rows travel as arrays of the tables' own row types, so
the order of the columns is part of the interface between this file and the repositories.
"""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE installation (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        epoch text NOT NULL,
        fingerprint text,
        token text,
        token_stamp text,
        next_token text
    )
    """,
    "COMMENT ON COLUMN installation.fingerprint IS 'which database this is; a restored copy is another one'",
    "COMMENT ON COLUMN installation.token IS 'the content of the mark file of the last start, and its stamp'",
    "COMMENT ON COLUMN installation.next_token IS 'what a start is about to write to the mark file'",
    "INSERT INTO installation (epoch) VALUES (replace(gen_random_uuid()::text, '-', ''))",
    """
    CREATE TABLE credentials (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        venue text NOT NULL,
        environment text NOT NULL,
        type text NOT NULL,
        nickname text NOT NULL,
        status text NOT NULL,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        revoked_at_ms bigint,
        version integer NOT NULL,
        key_id text NOT NULL,
        wrapped_key bytea NOT NULL,
        nonce bytea NOT NULL,
        ciphertext bytea NOT NULL
    )
    """,
    "CREATE INDEX credentials_of_tenant ON credentials (tenant_id, created_at_ms DESC, id DESC)",
    """
    CREATE TABLE trading_accounts (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id uuid NOT NULL,
        venue text NOT NULL,
        environment text NOT NULL,
        nickname text NOT NULL,
        external_id text NOT NULL,
        external_type text NOT NULL,
        type text NOT NULL,
        position_mode text,
        collateral_mode text,
        margin_mode text,
        max_leverage integer NOT NULL,
        credential_ids uuid[] NOT NULL,
        status text NOT NULL,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        last_sequence bigint NOT NULL DEFAULT 0,
        adopted_at_ms bigint,
        complete_until_ms bigint,
        former_adopted_at_ms bigint,
        trading_mode text NOT NULL,
        tenant_trading_mode text NOT NULL,
        risk text,
        unconfirmed text
    )
    """,
    "CREATE INDEX trading_accounts_of_tenant ON trading_accounts (tenant_id, created_at_ms DESC, id DESC)",
    """
    CREATE UNIQUE INDEX trading_accounts_connected ON trading_accounts (tenant_id, venue, environment, external_id)
        WHERE status NOT IN ('DISCONNECTED', 'DELETED')
    """,
    "CREATE INDEX trading_accounts_by_credential ON trading_accounts USING gin (credential_ids)",
    """
    CREATE TABLE operations (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        account_id uuid NOT NULL REFERENCES trading_accounts,
        type text NOT NULL,
        status text NOT NULL,
        created_at_ms bigint NOT NULL,
        finished_at_ms bigint,
        failure text
    )
    """,
    "CREATE INDEX operations_of_tenant ON operations (tenant_id, created_at_ms DESC, id DESC)",
    "CREATE INDEX operations_pending ON operations (created_at_ms) WHERE status = 'PENDING'",
    """
    CREATE TABLE subscriptions (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        venue text NOT NULL,
        environment text NOT NULL,
        type text NOT NULL,
        status text NOT NULL,
        account_id uuid,
        instrument_id text,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        last_event_at_ms bigint
    )
    """,
    """
    CREATE UNIQUE INDEX subscriptions_active
        ON subscriptions (tenant_id, type, account_id, instrument_id) NULLS NOT DISTINCT
        WHERE status = 'ACTIVE'
    """,
    """
    CREATE TABLE orders (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL,
        account_id uuid NOT NULL REFERENCES trading_accounts,
        venue text NOT NULL,
        environment text NOT NULL,
        instrument_id text NOT NULL,
        base_asset text NOT NULL,
        quote_asset text NOT NULL,
        side text NOT NULL,
        type text NOT NULL,
        time_in_force text NOT NULL,
        asked_quantity numeric NOT NULL,
        quantity_type text NOT NULL,
        rounding text NOT NULL,
        quantity numeric NOT NULL,
        limit_price numeric,
        stop_price numeric,
        position_id uuid,
        quote_id uuid,
        leverage integer,
        expire_at_ms bigint,
        expiry text,
        trail_distance numeric,
        released_at_ms bigint,
        client_order_id text,
        idempotency_key text,
        fingerprint bytea,
        status text NOT NULL,
        reject_reason text,
        cancel_reason text,
        sent_id text,
        send_before_ms bigint,
        recorded_after_ms bigint NOT NULL,
        venue_order_id text,
        former_venue_order_ids text[] NOT NULL,
        doubt text,
        stated_quantity numeric NOT NULL,
        stated_at_ms bigint NOT NULL,
        trigger_stated_at_ms bigint NOT NULL,
        quantity_stated_at_ms bigint NOT NULL,
        cancel_refused_at_ms bigint NOT NULL,
        closing_status text,
        closing_reason text,
        closing_at_ms bigint,
        is_awaited boolean NOT NULL,
        in_doubt_since_ms bigint,
        executed_quantity numeric NOT NULL,
        executed_cost numeric NOT NULL,
        fees text NOT NULL,
        reserved_asset text,
        reserved_locked numeric,
        reserved_remaining numeric,
        is_external boolean NOT NULL,
        is_liquidation boolean NOT NULL,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        closed_at_ms bigint,
        version integer NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX orders_client_order_id ON orders (account_id, client_order_id)"
    " WHERE client_order_id IS NOT NULL",
    "CREATE UNIQUE INDEX orders_idempotency_key ON orders (account_id, idempotency_key)"
    " WHERE idempotency_key IS NOT NULL",
    "CREATE UNIQUE INDEX orders_sent_id ON orders (account_id, sent_id) WHERE sent_id IS NOT NULL",
    "CREATE UNIQUE INDEX orders_venue_order_id ON orders (account_id, instrument_id, venue_order_id)"
    " WHERE venue_order_id IS NOT NULL",
    "CREATE INDEX orders_renamed ON orders (account_id) WHERE former_venue_order_ids <> '{}'",
    "CREATE INDEX orders_awaited ON orders (account_id, id) WHERE is_awaited",
    "CREATE INDEX orders_expiring ON orders (expire_at_ms, id)"
    " WHERE expiry = 'HERE' AND status IN ('CREATED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED')",
    "CREATE INDEX orders_revoked_before_expiry ON orders (account_id) WHERE status = 'REVOKED' AND expiry IS NOT NULL",
    "CREATE INDEX orders_held ON orders (id)"
    " WHERE trail_distance IS NOT NULL AND released_at_ms IS NULL AND status = 'ACCEPTED'",
    "CREATE INDEX orders_in_doubt ON orders (created_at_ms) WHERE doubt = 'UNDETERMINED'",
    "CREATE INDEX orders_executed_though_rejected ON orders (updated_at_ms)"
    " WHERE status = 'REJECTED' AND executed_quantity > 0",
    "CREATE INDEX orders_of_tenant ON orders (tenant_id, created_at_ms, id)",
    "CREATE INDEX orders_of_account ON orders (tenant_id, account_id, created_at_ms, id)",
    """
    CREATE INDEX orders_open ON orders (account_id, created_at_ms, id)
        WHERE status IN ('CREATED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL')
    """,
    """
    CREATE TABLE executions (
        id uuid PRIMARY KEY,
        order_id uuid NOT NULL REFERENCES orders,
        account_id uuid NOT NULL,
        venue text NOT NULL,
        environment text NOT NULL,
        instrument_id text NOT NULL,
        trade_id text NOT NULL,
        side text NOT NULL,
        price numeric NOT NULL,
        quantity numeric NOT NULL,
        fees text NOT NULL,
        liquidity text,
        executed_at_ms bigint NOT NULL,
        corrected_at_ms bigint,
        fees_at_ms bigint,
        is_busted boolean NOT NULL,
        position_side text,
        is_by_operator boolean NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX executions_once ON executions (account_id, venue, environment, instrument_id, trade_id, side)",
    "CREATE INDEX executions_of_order ON executions (order_id, executed_at_ms, id)",
    "CREATE INDEX executions_of_account ON executions (account_id, executed_at_ms, id)",
    """
    CREATE TABLE balances (
        account_id uuid NOT NULL,
        asset text NOT NULL,
        total numeric NOT NULL,
        locked numeric NOT NULL,
        borrowed numeric NOT NULL,
        status text NOT NULL,
        as_of bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        PRIMARY KEY (account_id, asset)
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE positions (
        id uuid PRIMARY KEY,
        account_id uuid NOT NULL,
        instrument_id text NOT NULL,
        side text NOT NULL,
        status text NOT NULL,
        quantity numeric NOT NULL,
        entry_cost numeric NOT NULL,
        closed_quantity numeric NOT NULL,
        closed_cost numeric NOT NULL,
        realized_pnl numeric NOT NULL,
        leverage integer NOT NULL,
        maintenance_margin numeric,
        as_of bigint NOT NULL,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        closed_at_ms bigint
    ) WITH (fillfactor = 70)
    """,
    "CREATE UNIQUE INDEX positions_open ON positions (account_id, instrument_id, side) WHERE status = 'OPEN'",
    "CREATE INDEX positions_of_account ON positions (account_id, closed_at_ms)",
    "CREATE INDEX positions_by_venue ON positions (account_id, instrument_id, side, as_of DESC) WHERE as_of > 0",
    """
    CREATE TABLE account_events (
        account_id uuid NOT NULL,
        sequence bigint NOT NULL,
        tenant_id uuid NOT NULL,
        at_ms bigint NOT NULL,
        kind text NOT NULL,
        body text NOT NULL,
        order_id uuid,
        origin text NOT NULL,
        user_id uuid,
        key_id uuid,
        request_id text,
        client text,
        PRIMARY KEY (account_id, sequence)
    )
    """,
    "CREATE INDEX account_events_by_time ON account_events (account_id, at_ms, sequence)",
    "CREATE INDEX account_events_of_order ON account_events (order_id, sequence) WHERE order_id IS NOT NULL",
    "CREATE INDEX account_events_of_rare_kinds ON account_events (account_id, sequence) WHERE kind <> 'order'",
    "COMMENT ON COLUMN account_events.origin IS 'who caused it; the user''s id, key, request and address follow'",
    """
    CREATE TABLE kept_reports (
        account_id uuid NOT NULL,
        instrument_id text,
        order_id uuid,
        sent_id text,
        venue_order_id text,
        at_ms bigint NOT NULL,
        kind text NOT NULL,
        body text NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        is_curable boolean NOT NULL,
        kept_at_ms bigint NOT NULL,
        is_repeated boolean NOT NULL,
        is_dismissed boolean NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX kept_reports_once ON kept_reports (account_id, kind, md5(body))",
    """
    CREATE UNIQUE INDEX kept_reports_fact_once ON kept_reports (
        account_id, kind, reason, COALESCE(instrument_id, ''), COALESCE(order_id::text, ''), COALESCE(sent_id, ''),
        COALESCE(venue_order_id, '')
    ) WHERE is_repeated
    """,
    "CREATE INDEX kept_reports_curable ON kept_reports (account_id) WHERE is_curable",
    """
    CREATE TABLE news_gaps (
        account_id uuid NOT NULL,
        from_ms bigint NOT NULL,
        until_ms bigint NOT NULL,
        found_at_ms bigint NOT NULL,
        PRIMARY KEY (account_id, from_ms)
    )
    """,
    "COMMENT ON TABLE news_gaps IS 'times, by the venue''s clock, of which the venue could not report any more'",
    """
    CREATE TABLE venue_memory_scopes (
        venue text NOT NULL,
        environment text NOT NULL,
        scope text NOT NULL,
        token bigint NOT NULL,
        PRIMARY KEY (venue, environment, scope)
    )
    """,
    "COMMENT ON COLUMN venue_memory_scopes.token IS 'fencing token: only the last holder may read and write'",
    """
    CREATE TABLE venue_memory (
        venue text NOT NULL,
        environment text NOT NULL,
        scope text NOT NULL,
        key text NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (venue, environment, scope, key)
    )
    """,
)

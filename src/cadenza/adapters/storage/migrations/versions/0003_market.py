"""Tables of the shared catalogue of instruments and securities, and of each tenant's own view of it.

Rows travel as arrays of the tables' own row types, so the order of the columns is part of the interface between this
file and `adapters/storage/catalogue.py`.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


STATEMENTS = (
    """
    CREATE TABLE venue_conditions (
        venue text NOT NULL,
        environment text NOT NULL,
        status text NOT NULL,
        since_ms bigint NOT NULL,
        cause text,
        detail text,
        noted_at_ms bigint NOT NULL,
        PRIMARY KEY (venue, environment)
    )
    """,
    """
    CREATE TABLE instruments (
        id text PRIMARY KEY,
        venue text NOT NULL,
        environment text NOT NULL,
        symbol text NOT NULL,
        external_symbol text NOT NULL,
        description text NOT NULL,
        type text NOT NULL,
        status text NOT NULL,
        base_asset text NOT NULL,
        quote_asset text NOT NULL,
        base_security_type text NOT NULL,
        quote_security_type text NOT NULL,
        base_precision integer NOT NULL,
        quote_precision integer NOT NULL,
        lot_size numeric NOT NULL,
        pip_size numeric NOT NULL,
        min_quantity numeric NOT NULL,
        max_quantity numeric NOT NULL,
        min_notional numeric NOT NULL,
        max_notional numeric,
        order_types text[] NOT NULL,
        time_in_force_options text[] NOT NULL,
        order_filters text NOT NULL,
        trading_hours text NOT NULL,
        maker_fee numeric NOT NULL,
        taker_fee numeric NOT NULL,
        initial_margin numeric,
        maintenance_margin numeric,
        is_iceberg_allowed boolean NOT NULL,
        iceberg_min_quantity numeric,
        delivery_at_ms bigint,
        exercise_style text,
        strike_price numeric,
        contract_size numeric NOT NULL,
        settlement_asset text,
        is_inverse boolean NOT NULL,
        price_steps numeric[] NOT NULL,
        price_significant_digits integer,
        market_lot numeric[],
        max_open_orders integer,
        price_band numeric[],
        CHECK (lot_size > 0 AND pip_size > 0 AND contract_size > 0)
    )
    """,
    "CREATE INDEX instruments_of_venue ON instruments (venue, environment)",
    """
    CREATE TABLE securities (
        id text PRIMARY KEY,
        venue text NOT NULL,
        environment text NOT NULL,
        symbol text NOT NULL,
        type text NOT NULL,
        "precision" integer NOT NULL,
        scale integer NOT NULL,
        min_quantity numeric NOT NULL,
        lot_size numeric NOT NULL
    )
    """,
    """
    CREATE TABLE instrument_overrides (
        tenant_id uuid NOT NULL,
        instrument_id text NOT NULL REFERENCES instruments,
        is_disabled boolean NOT NULL,
        is_deleted boolean NOT NULL,
        PRIMARY KEY (tenant_id, instrument_id)
    )
    """,
    """
    CREATE TABLE deleted_securities (
        tenant_id uuid NOT NULL,
        security_id text NOT NULL REFERENCES securities,
        PRIMARY KEY (tenant_id, security_id)
    )
    """,
)

"""pgbench, inserting one row into a table like `orders`."""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from load import Measured

from cadenza.runtime.embedded.binaries import packaged_bin_dir

TABLE = (
    "DROP TABLE IF EXISTS bench_orders",
    "CREATE TABLE bench_orders (LIKE orders INCLUDING DEFAULTS)",
    "ALTER TABLE bench_orders ADD PRIMARY KEY (id)",
)
# A colon before a letter would be a variable of pgbench.
INSERT = """\
INSERT INTO bench_orders (id, tenant_id, account_id, venue, environment, instrument_id, base_asset, quote_asset, side,
    type, time_in_force, asked_quantity, quantity_type, rounding, quantity, limit_price, idempotency_key, fingerprint,
    status, sent_id, send_before_ms, recorded_after_ms, venue_order_id, former_venue_order_ids, stated_quantity,
    stated_at_ms, trigger_stated_at_ms, quantity_stated_at_ms, cancel_refused_at_ms, is_awaited, executed_quantity,
    executed_cost, fees, reserved_asset, reserved_locked, reserved_remaining, is_external,
    is_liquidation, created_at_ms, updated_at_ms, version, is_inverse)
VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'PAPER', 'paper', 'PAPER-BTC/USDT', 'BTC', 'USDT',
    'BUY', 'LIMIT', 'GTC', 0.0005, 'BASE', 'NONE', 0.0005, 48000.5, gen_random_uuid()::text, '\\x0123456789abcdef',
    'ACCEPTED', gen_random_uuid()::text, 1790000010000, 0, gen_random_uuid()::text, '{}', 0, 0, 0, 0, 0, false, 0, 0,
    '[]', 'USDT', 24.0, 24.0, false, false, 1790000000000, 1790000000000, 1, false);
"""


def insert_rows(dsn: str, clients: int, seconds: float) -> Measured:
    """Run pgbench with prepared statements, one row in a transaction. The table must be there."""
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch, "insert.sql")
        script.write_text(INSERT)
        command = [str(packaged_bin_dir() / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={script}"]
        command += [f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={max(1, round(seconds))}"]
        command += ["--log", f"--log-prefix={scratch}/log"]
        environ = os.environ | _environ(dsn)
        ended = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"pgbench failed: {ended.stderr}")
        lines = "".join(log.read_text() for log in Path(scratch).glob("log.*")).splitlines()
    done = int(_found(r"transactions actually processed: (\d+)", ended.stdout))
    took_s = done / float(_found(r"tps = ([\d.]+)", ended.stdout))
    return Measured(done, took_s, [int(line.split()[2]) / 1e3 for line in lines])


def _environ(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    asked = parse_qs(parts.query)
    return {
        "PGHOST": asked["host"][0],
        "PGPORT": asked["port"][0],
        "PGUSER": parts.username or "",
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.removeprefix("/"),
    }


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"pgbench said something new: {text}")
    return match[1]

"""Benchmarks still run and print what they promise. Figures are not looked at: they depend on the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).parents[2]
WITHIN_S = 300
JUDGED = {"books", "venue_catalogue", "venue_orders"}
"""Those whose peer is a judge."""
MANY_ACCOUNTS = ("BINANCE", "OKX", "DERIBIT")
"""Those whose simulators and books the benchmark can fill."""
TINY = {
    "books": (
        ["--symbols", "2", "--updates", "5", "--rounds", "1", "--venues", ",".join(MANY_ACCOUNTS)],
        ["ours", "ccxt pro", "ratio"],
    ),
    "books BITFINEX": (
        ["--symbols", "2", "--updates", "5", "--rounds", "1", "--venues", "BITFINEX", "--alone"],
        ["changes per CPU-second"],
    ),
    "key_authentication": (["--requests", "40", "--rounds", "1"], ["known", "new", "ratio"]),
    "matching": (["--commands", "50", "--resting", "5"], ["fast", "naive", "ratio"]),
    "orders": (
        ["--clients", "2", "--seconds", "0.2", "--rounds", "1"],
        ["/pgbench", "2 clients LIMIT", "2 clients MARKET", "ready after", "memory (PSS)"],
    ),
    "realtime_fanout": (
        ["--subscribers", "3", "--rounds", "1", "--messages", "10"],
        ["single  ours", "burst   ours", "websockets.broadcast", "entrifugo", "memory"],
    ),
    "realtime_storm": (
        ["--clients", "4", "--subscribers", "2", "--seconds", "0.5"],
        ["recover  p50", "none missing", "entrifugo", "tick:"],
    ),
    "brake": (["--orders", "10", "--rounds", "1"], ["singly", "by one mass cancel", "ratio"]),
    "risk_limits": (["--orders", "5", "--rounds", "1"], ["without limits", "with all", "ratio"]),
    # Each venue once: a benchmark starts a server, a simulator and sometimes ccxt.
    **{
        f"venue_orders {venue}": (
            ["--venue", venue, "--orders", "4", "--rounds", "1"],
            ["CPU ratio ours/ccxt", "one-row commits of"],
        )
        for venue in ("OKX", "BITFINEX")
    },
    **{
        f"venue_storm {venue}": (
            ["--venue", venue, "--orders", "10", "--clients", "2"],
            ["share", "refused for the pace 0 of"],
        )
        for venue in ("BINANCE", "DERIBIT")
    },
    "across_venues": (["--seconds", "0.3", "--rounds", "1", "--cases", "none,slow"], ["none: back", "slow: back"]),
    "venue_start": (
        ["--accounts", "3", "--rounds", "1"],
        ["without: ", f"refused for the pace: {dict.fromkeys((*MANY_ACCOUNTS, 'BITFINEX'), 0)}"],
    ),
    "venue_catalogue": (
        ["--venue", "OKX", "--copies", "3", "--rounds", "1"],
        ["read ", "cold ", "warm "],
    ),
    "beside": (["--orders", "20", "--seconds", "0.3", "--rounds", "1"], ["alone", "log-ins/s", "deep pages"]),
    "order_log": (["--assets", "5", "--fills", "10"], ["log bytes", "push bytes", "no subscriber", "one subscriber"]),
    "order_pages": (["--orders", "500", "--samples", "3"], ["deep/first", "of the tenant", "of an account", "FILLED"]),
}


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_runs(name: str) -> None:
    arguments, promised = TINY[name]
    script = name.split()[0]
    if script in JUDGED:
        needs.judges()
    command = [sys.executable, str(ROOT / "bench" / f"{script}.py"), *arguments]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    for words in promised:
        assert words in ended.stdout

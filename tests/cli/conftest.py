"""Run commands as an operator does, in a clean environment."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cadenza.adapters.storage.kept import kept_row
from cadenza.cli import make_app
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.reports import CanceledReport

Cadenza = Callable[..., Result]
_KEPT = KeptReport(
    report=CanceledReport(
        account_id=TradingAccountId(UUID(int=2)),
        instrument_id=InstrumentId("PAPER:BTC/USDT"),
        venue_order_id="hand",
        at_ms=1_700_000_000_000,
        reason=CancelReason.VENUE,
        executed_quantity=Decimal(0),
    ),
    reason=KeepReason.NO_ORDER,
    detail="",
    kept_at_ms=1_700_000_000_000,
)


async def keep_reports(dsn: str, *changes: Mapping[str, object]) -> None:
    """Put in what a venue would have reported of orders that nobody knows (`hand 0`, `hand 1`…), each with a change."""
    connection = await asyncpg.connect(dsn)
    try:
        for number, change in enumerate(changes):
            report = replace(_KEPT.report, venue_order_id=f"hand {number}")
            row = kept_row(replace(_KEPT, report=report, **change))
            places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await connection.execute(f"INSERT INTO kept_reports VALUES ({places})", *row)
    finally:
        await connection.close()


@pytest.fixture
def cadenza(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cadenza:
    """Run `cadenza` with arguments; keyword arguments are settings, as CADENZA_* without the prefix."""
    for variable in [name for name in os.environ if name.startswith("CADENZA_")]:
        monkeypatch.delenv(variable)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free_port = probe.getsockname()[1]

    def run(*arguments: str, **settings: object) -> Result:
        chosen = {"DATA_DIR": tmp_path / "data", "PORT": free_port, **settings}
        environ = {f"CADENZA_{name}": str(value) for name, value in chosen.items()}
        return CliRunner().invoke(make_app(), arguments, env=environ)

    return run


def done(result: Result) -> str:
    """What a command printed that succeeded."""
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def outside(cadenza: Cadenza, database_dsn: str) -> Cadenza:
    """`cadenza` over a migrated database that runs already."""

    def run(*arguments: str, **settings: object) -> Result:
        return cadenza(*arguments, DATABASE_URL=database_dsn, **settings)

    return run

"""Run commands as an operator does, in a clean environment."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cadenza.cli import make_app

Cadenza = Callable[..., Result]
_REPORT = """
INSERT INTO unmatched_reports VALUES ($1, NULL, 'hand', 't1', 1700000000000, 'canceled', format(
    '{"account_id":"%s","order_id":null,"venue_order_id":"hand","at_ms":1700000000000,"reason":"VENUE"}', $1::uuid))
"""


async def keep_a_report(dsn: str) -> None:
    """Put in what a venue would have told of an order that nobody knows."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_REPORT, UUID(int=2))
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

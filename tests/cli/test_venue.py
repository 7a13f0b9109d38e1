"""`cadenza venue`: what is connected, how it is, and what it can do."""

import asyncio
from pathlib import Path

import asyncpg

from tests.cli.conftest import Cadenza, done
from tests.serving import Serving, eventually


def test_the_venues_of_the_settings_are_listed_although_no_server_has_run(outside: Cadenza) -> None:
    lines = done(outside("venue")).splitlines()
    assert lines[::2] == ["MOCK  no server has connected it yet", "PAPER  no server has connected it yet"]
    assert lines[3].startswith("  accounts SPOT, MARGIN; instruments SPOT, PERPETUAL; orders MARKET, LIMIT, STOP")
    assert done(outside("venue", "list")).splitlines() == lines


async def test_a_running_server_notes_how_its_venues_are(outside: Cadenza, database_dsn: str, tmp_path: Path) -> None:
    async def lines() -> list[str]:
        return done(await asyncio.to_thread(outside, "venue", "list")).splitlines()[::2]

    async def all_online() -> bool:
        found = await lines()
        return len(found) == 2 and all("  ONLINE  since 2" in line for line in found)

    server = await Serving.start(tmp_path / "data", DATABASE_URL=database_dsn)
    try:
        await eventually(all_online)
        assert [line.split("  ")[0] for line in await lines()] == ["MOCK", "PAPER"]
        assert "state " in done(await asyncio.to_thread(outside, "venue", "show", "PAPER"))
    finally:
        assert await server.stop() == 0
    assert not any("no server has noted it since" in line for line in await lines())
    connection = await asyncpg.connect(database_dsn)
    await connection.execute(
        "UPDATE venue_conditions SET noted_at_ms = noted_at_ms - 600000, cause = 'VENUE_UNAVAILABLE'"
    )
    await connection.close()
    assert all("  VENUE_UNAVAILABLE  (noted at 2" in line for line in await lines())


def test_what_a_venue_can_do(outside: Cadenza) -> None:
    shown = done(outside("venue", "show", "paper"))
    assert "LIMIT orders" in shown
    assert "our ledger keeps them" in shown


def test_a_venue_without_a_connector_and_one_that_is_none(outside: Cadenza) -> None:
    assert "WINTERMUTE has no connector yet" in outside("venue", "show", "WINTERMUTE").stderr
    wrong = outside("venue", "show", "BINANC")
    assert wrong.exit_code == 1
    assert "'BINANC' is not a venue; one of BINANCE, " in wrong.stderr

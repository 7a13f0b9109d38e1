"""`cadenza venue`: the venues that are installed, what they can do, and whether those outside can be reached."""

import asyncio
from collections.abc import Iterator

import typer

from cadenza.cli.common import loaded_settings
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import VenueId
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.runtime.config import Settings
from cadenza.runtime.local import SystemClock
from cadenza.runtime.wiring.venues import outside_connector, specs_of

ASK_S_MAX = 20.0

app = typer.Typer(help="Show the venues.", invoke_without_command=True)


@app.callback()
def venues() -> None:
    """Print every installed venue, what it can do, and how it is. Those outside that the settings name are asked for
    their time and their instruments."""
    settings = loaded_settings().settings
    for venue_id, spec in specs_of(settings).items():
        is_connected = str(venue_id) in settings.venues
        for line in _lines(spec, asyncio.run(_state(settings, venue_id, spec)) if is_connected else "not connected"):
            typer.echo(line)


def _lines(spec: VenueSpec, state: str) -> Iterator[str]:
    yield f"{spec.venue_id}  {spec.venue_id.environment.value}  {state}"
    yield f"  accounts  {', '.join(type.value for type in spec.books)}"
    for type, times in spec.orders.items():
        yield f"  {type.value:<18} {' '.join(time.value for time in times)}"
    for name, url in spec.urls.items():
        yield f"  {name:<18} {url}"


async def _state(settings: Settings, venue_id: VenueId, spec: VenueSpec) -> str:
    if spec.is_in_process:
        return "runs in the server"
    connector = outside_connector(settings, venue_id, SystemClock())
    try:
        async with asyncio.timeout(ASK_S_MAX):
            await connector.start()
            listed = await connector.instruments()
        return f"{connector.status().value}, {len(listed)} instruments"
    except TimeoutError:
        return f"OFFLINE: no answer within {ASK_S_MAX:.0f} s"
    except CadenzaError as error:
        return f"OFFLINE: {error}"
    finally:
        await connector.stop()

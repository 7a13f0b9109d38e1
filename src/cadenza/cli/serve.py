"""`cadenza serve`: the whole platform in one process."""

import typer
import uvloop

from cadenza.cli.banner import banner
from cadenza.cli.common import loaded_settings, plain_failures
from cadenza.runtime.logging import configure_logging


def serve() -> None:
    """Run the API, the venues and, unless CADENZA_DATABASE_URL is set, the database."""
    settings = loaded_settings().settings
    configure_logging(settings.log_level, settings.log_format)
    # Imported here, so that the other commands start without the web framework.
    from cadenza.runtime import server

    with plain_failures():
        uvloop.run(server.serve(settings, lambda real, database: typer.echo(banner(real, database))))

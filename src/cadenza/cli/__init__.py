"""The command line. One file per command or group of commands; a new one is added to `make_app` below."""

import typer

from cadenza.cli import (
    centrifugo,
    config,
    doctor,
    key,
    keys,
    migrate,
    orders,
    recording,
    reports,
    serve,
    simulate,
    simulate_all,
    user,
    venue,
)


def make_app() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="cadenza",
        help="Self-hosted, unified trading platform.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.command("serve")(serve.serve)
    app.command("migrate")(migrate.migrate)
    app.command("doctor")(doctor.doctor)
    app.add_typer(reports.app, name="reports")
    app.add_typer(config.app, name="config")
    app.add_typer(user.app, name="user")
    app.add_typer(orders.app, name="orders")
    app.add_typer(key.app, name="key")
    app.add_typer(keys.app, name="master-key")
    app.add_typer(keys.app, name="keys", hidden=True)  # the former name of master-key
    app.add_typer(centrifugo.app, name="centrifugo")
    app.add_typer(recording.app, name="recording")
    app.add_typer(venue.app, name="venue")
    simulate.app.command("all")(simulate_all.all_venues)
    app.add_typer(simulate.app, name="simulate")
    return app


def main() -> None:
    """The entry of the `cadenza` script."""
    make_app()()

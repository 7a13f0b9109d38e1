"""`cadenza venue`: what is installed, and how it is."""

import socket

from .conftest import Cadenza


def test_every_installed_venue_is_shown_and_none_outside_is_asked(cadenza: Cadenza) -> None:
    result = cadenza("venue")
    assert result.exit_code == 0
    heads = [line for line in result.stdout.splitlines() if line and not line.startswith(" ")]
    assert heads == [
        "PAPER  PAPER  runs in the server",
        "MOCK  PAPER  runs in the server",
        "BINANCE  LIVE  not connected",
        "BINANCE_UAT  UAT  not connected",
        "BINANCE_SANDBOX  SANDBOX  not connected",
    ]
    assert "  spot_rest          https://testnet.binance.vision" in result.stdout
    assert "  accounts  SPOT, FUTURES, MARGIN" in result.stdout


def test_a_venue_that_is_away_is_shown_with_the_cause(cadenza: Cadenza) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = cadenza("venue", VENUES="BINANCE", BINANCE_URL=f"http://127.0.0.1:{port}")
    assert result.exit_code == 0
    assert "PAPER  PAPER  not connected" in result.stdout
    assert "BINANCE  LIVE  OFFLINE: BINANCE SPOT does not answer with its time" in result.stdout

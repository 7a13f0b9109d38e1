"""A session that reaches the venue through the proxy of `CADENZA_BINANCE_PROXY`, and in no other way."""

import asyncio
from functools import partial
from pathlib import Path

import pytest
from tests.binance_kit import MARKETS, open_desk, simulated_binance
from tests.inhouse_kit import kinds, until
from tests.network.peers import PeerConnection, peer

from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.domain.ids import Environment, Venue, VenueId
from cadenza.runtime.config_loader import load_settings
from cadenza.runtime.wiring.venues import proxies_of

HOST = "binance.invalid"
"""A name that nothing resolves: only a proxy reaches it."""

STREAMS = {"spot": "/ws-api/v3", "margin": "/ws-api/v3", "usdm": "/usdm/private/ws/"}


async def passing_on(connection: PeerConnection, port: int) -> None:
    """A proxy whose every name is the server at this port."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def back() -> None:
        while chunk := await reader.read(65_536):
            await connection.send(chunk)
        connection.close()

    answers = asyncio.create_task(back())
    while chunk := await connection.read():
        writer.write(chunk)
    writer.close()
    await answers


@pytest.mark.parametrize("market", list(MARKETS))
async def test_orders_and_news_of_a_session_go_through_the_venues_own_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: str
) -> None:
    async with (
        simulated_binance(tmp_path) as venue,
        peer(partial(passing_on, port=int(venue.url.rpartition(":")[2]))) as proxy,
    ):
        settings = load_settings(
            {
                "HOME": str(tmp_path),
                "CADENZA_BINANCE_URL": f"http://{HOST}",
                "CADENZA_BINANCE_PROXY": f"http://127.0.0.1:{proxy.port}",
            }
        )
        monkeypatch.setenv("NO_PROXY", "*")
        proxies = proxies_of(settings, VenueId(Venue.BINANCE, Environment.LIVE))
        connector = partial(venue.connector, spec=spec_of(Environment.LIVE, base=settings.binance.url), proxies=proxies)
        monkeypatch.setattr(venue, "connector", connector)
        async with open_desk(venue, market=market) as desk:
            assert kinds(await desk.session.submit(desk.order)) == ["Accepted"]
            await until(lambda: "ExternalOrder" in kinds(desk.sink.reports), "the stream's word")
        assert f"://{HOST}{STREAMS[market]}".encode() in proxy.received

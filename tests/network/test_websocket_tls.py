"""A stream over TLS, through a proxy's tunnel, and not to a server of another name."""

from pathlib import Path

import pytest
from tests.network.peers import StandingClock, authority, peer, tunnel
from tests.network.websocket_peers import polite

from cadenza.network.message_queue import MessageQueue
from cadenza.network.outcomes import Sent
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_connection import StreamConnection, StreamEnds, open_connection
from cadenza.network.stream_events import LostCause, Received, StreamEvent, StreamLimits, StreamLost, StreamTarget
from cadenza.network.tls import client_tls

pytestmark = pytest.mark.timeout(120)


async def test_wss_goes_through_the_tunnel_of_a_proxy(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    events: MessageQueue[StreamEvent] = MessageQueue(items_max=10, bytes_max=1_000)
    async with peer(polite, ours.server) as server, peer(lambda side: tunnel(side, server.port)) as proxy:
        proxies = ProxyChoice(environment={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        clock = StandingClock()
        ends = StreamEnds(clock, client_tls(ca_file=ours.ca_file), proxies, StreamLimits())
        target = StreamTarget(f"wss://127.0.0.1:{server.port}/ws")
        opened = await open_connection(1, target, ends, events)
        assert isinstance(opened, StreamConnection)
        assert await opened.send("secret", clock.at_ms + 1_000) == Sent()
        assert await events.take(10) == [Received(1, b"secret", True, clock.at_ms)]
        await opened.end()
        assert proxy.received.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
        assert b"GET /ws" not in proxy.received


async def test_a_server_of_another_name_is_not_spoken_to(tmp_path: Path) -> None:
    events: MessageQueue[StreamEvent] = MessageQueue(items_max=10, bytes_max=1_000)
    wrong = authority(tmp_path, "venue.example")
    async with peer(polite, wrong.server) as server:
        ends = StreamEnds(StandingClock(), client_tls(ca_file=wrong.ca_file), ProxyChoice(), StreamLimits())
        lost = await open_connection(7, StreamTarget(f"wss://127.0.0.1:{server.port}/ws"), ends, events)
        assert isinstance(lost, StreamLost)
        assert (lost.connection, lost.cause) == (7, LostCause.CONNECT)
        assert "CertificateError" in lost.detail
        assert server.received == b""

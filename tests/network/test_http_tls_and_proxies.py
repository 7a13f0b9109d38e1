"""TLS that does not fit is not spoken to, and proxies: through them, past them, and refused by them."""

from pathlib import Path

import pytest
from tests.network.peers import (
    NEVER_MS,
    Peer,
    PeerConnection,
    answer,
    answering,
    authority,
    get,
    http_client,
    peer,
    tunnel,
    within,
)

from cadenza.network.http import HttpClientLimits, HttpRequest
from cadenza.network.outcomes import Answered, NotSent, NotSentCause, OutcomeUnknown
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls

pytestmark = pytest.mark.timeout(120)


def secure(server: Peer, method: str = "POST") -> HttpRequest:
    return HttpRequest(method, f"https://127.0.0.1:{server.port}/x", within(NEVER_MS), body=b"order")


async def test_a_server_of_a_known_authority_is_spoken_to(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with peer(answering, ours.server) as server, http_client(tls=client_tls(ca_file=ours.ca_file)) as client:
        assert isinstance(await client.call(secure(server)), Answered)


async def test_a_wrong_name_and_an_unknown_authority_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    ours, wrong = authority(tmp_path / "ours"), authority(tmp_path / "wrong", "venue.example")
    for server_side, trust in ((wrong.server, wrong.ca_file), (ours.server, wrong.ca_file), (ours.server, None)):
        async with peer(answering, server_side) as server, http_client(tls=client_tls(ca_file=trust)) as client:
            outcome = await client.call(secure(server))
            assert isinstance(outcome, NotSent)
            assert outcome.cause is NotSentCause.TLS
            assert server.received == b""


async def test_plain_text_where_tls_is_expected_is_refused(tmp_path: Path) -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.read()
        await connection.send(answer())

    async with peer(play) as server, http_client(tls=client_tls(ca_file=authority(tmp_path).ca_file)) as client:
        outcome = await client.call(secure(server))
        assert isinstance(outcome, NotSent)
        assert b"order" not in server.received


async def test_a_handshake_that_gets_no_reply_ends_within_the_limit_for_connecting() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.end()

    async with peer(play) as server, http_client(HttpClientLimits(connect_ms=30)) as client:
        outcome = await client.call(secure(server))
        assert isinstance(outcome, NotSent)
        assert outcome.cause is NotSentCause.CONNECT


async def test_a_reset_within_the_handshake_is_not_sent() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.read(10)
        connection.reset()

    async with peer(play) as server, http_client() as client:
        outcome = await client.call(secure(server, "GET"))
        assert isinstance(outcome, NotSent)
        assert outcome.cause is NotSentCause.CONNECT
        assert len(server.connections) == 1


async def test_https_goes_through_the_proxy_of_the_environment_by_atunnel(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with peer(answering, ours.server) as server:
        async with peer(lambda connection: tunnel(connection, server.port)) as proxy:
            proxies = ProxyChoice(environment={"HTTPS_PROXY": f"http://u:p%40ss@127.0.0.1:{proxy.port}"})
            async with http_client(tls=client_tls(ca_file=ours.ca_file), proxies=proxies) as client:
                assert isinstance(await client.call(secure(server)), Answered)
                assert proxy.received.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
                assert b"Proxy-Authorization: Basic dTpwQHNz\r\n" in proxy.received
                assert b"order" not in proxy.received
        assert server.received.endswith(b"order")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_proxy_that_refuses_or_drops_the_tunnel_sends_nothing_on(method: str) -> None:
    async def refuse(connection: PeerConnection) -> None:
        await connection.request()
        await connection.send(answer(b"", "407 Proxy Authentication Required"))
        await connection.end()

    async def drop(connection: PeerConnection) -> None:
        await connection.request()
        connection.reset()

    for play, cause in ((refuse, NotSentCause.PROXY), (drop, NotSentCause.CONNECT)):
        async with peer(play) as proxy:
            choice = ProxyChoice(explicit=f"http://127.0.0.1:{proxy.port}")
            async with http_client(proxies=choice) as client:
                request = HttpRequest(method, "https://venue.example/x", within(NEVER_MS), body=b"order")
                outcome = await client.call(request)
                assert isinstance(outcome, NotSent)
                assert outcome.cause is cause
                assert len(proxy.connections) == 1


async def test_a_proxy_that_is_not_there_is_not_sent() -> None:
    async with peer(answering) as gone:
        pass
    async with http_client(proxies=ProxyChoice(explicit=f"http://127.0.0.1:{gone.port}")) as client:
        outcome = await client.call(HttpRequest("POST", "https://venue.example/x", within(NEVER_MS)))
        assert isinstance(outcome, NotSent)
        assert outcome.cause is NotSentCause.PROXY


async def test_plain_http_through_a_proxy_may_have_left() -> None:
    async def play(connection: PeerConnection) -> None:
        await connection.request()
        connection.close()

    async with (
        peer(play) as proxy,
        http_client(proxies=ProxyChoice(explicit=f"http://127.0.0.1:{proxy.port}")) as client,
    ):
        outcome = await client.call(HttpRequest("GET", "http://venue.example/x?a=%2F", within(NEVER_MS)))
        assert isinstance(outcome, OutcomeUnknown)
        assert proxy.received.startswith(b"GET http://venue.example/x?a=%2F HTTP/1.1\r\n")
        assert len(proxy.connections) == 1


async def test_the_environment_of_the_process_and_its_netrc_are_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with peer(answering) as server, http_client() as client:
        assert isinstance(await client.call(get(server.port)), Answered)
        assert b"Authorization" not in server.received


def test_the_environment_chooses_by_scheme_and_host() -> None:
    environment = {
        "HTTPS_PROXY": "http://upper:1",
        "https_proxy": "http://lower:1",
        "HTTP_PROXY": "http://plain:1",
        "NO_PROXY": "localhost, .internal,exact.example:8443 *.star.example",
    }
    choice = ProxyChoice(environment=environment)
    expected = {
        "https://venue.example/x": "http://lower:1",
        "wss://venue.example/x": "http://lower:1",
        "http://venue.example/x": "http://plain:1",
        "ws://venue.example/x": "http://plain:1",
        "https://localhost:9/x": None,
        "https://a.internal/": None,
        "https://exact.example:8443/": None,
        "https://exact.example/": "http://lower:1",
        "https://b.star.example/": None,
        "https://notinternal/": "http://lower:1",
    }
    assert {url: choice.proxy_for(url) for url in expected} == expected
    assert ProxyChoice(environment={**environment, "no_proxy": "*"}).proxy_for("https://venue.example/") is None
    assert ProxyChoice(environment={"ALL_PROXY": "http://all:1", "https_proxy": ""}).proxy_for("https://h/") is None
    assert ProxyChoice(environment={"ALL_PROXY": "http://all:1"}).proxy_for("ws://h/") == "http://all:1"
    assert (
        ProxyChoice(explicit="http://mine:1", environment=environment).proxy_for("https://localhost/")
        == "http://mine:1"
    )
    assert ProxyChoice().proxy_for("https://h/") is None


@pytest.mark.parametrize("proxy", ["socks5://h:1", "https://h:1", "h:1", "http://"])
def test_a_proxy_of_another_kind_is_refused_without_showing_it(proxy: str) -> None:
    with pytest.raises(ValueError, match="must be given as") as refusal:
        ProxyChoice(explicit=proxy)
    assert "//" not in str(refusal.value).replace("http://host", "")

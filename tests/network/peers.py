"""Servers on loopback that behave as badly as a test asks, and clocks that stand still."""

import asyncio
import heapq
import ipaddress
import itertools
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cadenza.network.http import HttpClient, HttpClientLimits, HttpRequest
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.runtime.local import SystemClock

NEVER_MS = 60_000
"""A deadline that no test reaches."""


@dataclass
class PeerConnection:
    """The server's side of one connection. `received` is every byte that came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)

    async def read(self, count: int = 65536) -> bytes:
        chunk = await self.reader.read(count)
        self.received += chunk
        return chunk

    async def request(self) -> bytes:
        """Read one whole request and return it; empty at the end of the connection."""
        whole = bytearray()
        while b"\r\n\r\n" not in whole:
            chunk = await self.read(1)
            if not chunk:
                return b""
            whole += chunk
        for line in bytes(whole).split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                for _ in range(int(value)):
                    whole += await self.read(1)
        return bytes(whole)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()

    async def end(self) -> None:
        """Wait until the client has ended the connection."""
        while await self.read():
            pass


Script = Callable[[PeerConnection], Awaitable[None]]


class Peer:
    """Plays the script on each connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections: list[PeerConnection] = []
        self.port = 0
        self._playing: set[asyncio.Task[None]] = set()

    @property
    def received(self) -> bytes:
        return b"".join(bytes(connection.received) for connection in self.connections)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = PeerConnection(reader, writer)
        self.connections.append(connection)
        task = asyncio.current_task()
        assert task is not None
        self._playing.add(task)
        try:
            await self.script(connection)
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self._playing.discard(task)
            writer.close()

    def stop(self) -> None:
        for task in self._playing:
            task.cancel()


@asynccontextmanager
async def peer(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    playing = Peer(script)
    server = await asyncio.start_server(playing.serve, "127.0.0.1", 0, ssl=tls)
    playing.port = server.sockets[0].getsockname()[1]
    try:
        yield playing
    finally:
        server.close()
        playing.stop()
        await asyncio.sleep(0)


async def tunnel(connection: PeerConnection, port: int) -> None:
    """Connect to the port whatever host is asked for, and pass bytes on both ways."""
    await connection.request()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def back() -> None:
        while chunk := await reader.read(65536):
            await connection.send(chunk)
        connection.close()

    passing = asyncio.create_task(back())
    while chunk := await connection.read():
        writer.write(chunk)
    writer.close()
    await passing


def answer(body: bytes = b"{}", status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def answering(connection: PeerConnection) -> None:
    """Answer every request with 200 and `{}`."""
    while await connection.request():
        await connection.send(answer())


@asynccontextmanager
async def http_client(
    limits: HttpClientLimits | None = None, tls: ssl.SSLContext | None = None, proxies: ProxyChoice | None = None
) -> AsyncIterator[HttpClient]:
    client = HttpClient(
        clock=SystemClock(),
        randomness=random.Random(1),
        tls=tls or client_tls(),
        limits=limits,
        proxies=proxies,
    )
    try:
        yield client
    finally:
        await client.close()


def within(duration_ms: int) -> int:
    return SystemClock().monotonic_ms() + duration_ms


def get(port: int, path: str = "/x", *, deadline_ms: int = NEVER_MS, sends_max: int = 1) -> HttpRequest:
    return HttpRequest("GET", f"http://127.0.0.1:{port}{path}", within(deadline_ms), sends_max=sends_max)


def post(port: int, body: bytes = b"order", *, deadline_ms: int = NEVER_MS) -> HttpRequest:
    return HttpRequest("POST", f"http://127.0.0.1:{port}/x", within(deadline_ms), body=body)


class StandingClock:
    """Time that passes only by `pass_time`. Sleepers wake in the order of their instants."""

    def __init__(self) -> None:
        self.at_ms = 1_000_000
        self._numbers = itertools.count()
        self._sleeping: list[tuple[int, int, asyncio.Future[None]]] = []

    def monotonic_ms(self) -> int:
        return self.at_ms

    def now_ms(self) -> int:
        return self.at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.at_ms + duration_ms, next(self._numbers), turn))
        await turn

    @property
    def next_wake_ms(self) -> int | None:
        """The pause until the first sleeper wakes, or None."""
        pending = [until for until, _, turn in self._sleeping if not turn.done()]
        return min(pending) - self.at_ms if pending else None

    async def pass_time(self, duration_ms: int) -> None:
        until_ms = self.at_ms + duration_ms
        while self._sleeping and self._sleeping[0][0] <= until_ms:
            wakes_ms, _, turn = heapq.heappop(self._sleeping)
            self.at_ms = max(self.at_ms, wakes_ms)
            if not turn.done():
                turn.set_result(None)
            await settle()
        self.at_ms = until_ms
        await settle()


async def settle(turns: int = 10) -> None:
    """Let everything run that is ready."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the condition is of the other side of a socket
            await asyncio.sleep(0.001)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own, and a server's context with a certificate for `name`."""

    ca_file: Path
    server: ssl.SSLContext


def authority(folder: Path, name: str = "127.0.0.1") -> Authority:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca = certificate(ca_name, ca_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = certificate(subject, key.public_key()).add_extension(
        x509.SubjectAlternativeName([alternative]), critical=False
    )
    pem = serialization.Encoding.PEM
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.pem").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "server.pem")
    return Authority(folder / "ca.pem", server)

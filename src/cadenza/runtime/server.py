"""Serving: the database first, then the house, then the port; and back in the reverse order."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
import uvicorn

from cadenza.adapters.http.wire_protocol import protocol_class
from cadenza.adapters.storage.migrate import migrate
from cadenza.runtime.bootstrap import House
from cadenza.runtime.config import Settings
from cadenza.runtime.embedded.postgres import EmbeddedPostgres
from cadenza.runtime.here import failpoints_from

log = structlog.get_logger()
GRACEFUL_SHUTDOWN_S = 5
BACKLOG = 1024


class PortTaken(OSError):
    """The address cannot be listened on; the message says which and why."""


Announce = Callable[[Settings, str], None]
"""Told once requests are answered: the settings with the real port, and which database it is."""


async def serve(settings: Settings, announce: Announce = lambda settings, database: None) -> None:
    """Run until SIGINT or SIGTERM."""
    listener = _listen(settings)
    settings = replace(settings, port=listener.getsockname()[1])
    postgres = None if settings.database_url else EmbeddedPostgres(settings.data_dir, port=settings.postgres_port)
    try:
        dsn = settings.database_url or await _started(postgres)
        await migrate(dsn)
        house = await House.build(settings, dsn=dsn, failpoints=failpoints_from(settings.failpoint))
        await house.open()
        try:
            await _serve_http(house, listener, settings, announce)
        finally:
            await house.close()
    finally:
        listener.close()
        if postgres is not None:
            await postgres.stop()


async def _started(postgres: EmbeddedPostgres | None) -> str:
    assert postgres is not None
    return await postgres.start()


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is started, so that a taken one is said at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
            "choose another address with CADENZA_HOST and CADENZA_PORT"
        ) from None
    return listener


async def _serve_http(house: House, listener: socket.socket, settings: Settings, announce: Announce) -> None:
    node = house.realtime.node
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut_off)
    server = _AnnouncedServer(
        uvicorn.Config(
            house.app,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # whom a proxy speaks for is decided by `client_address`, for trusted proxies alone
            lifespan="off",
            server_header=False,
            http=protocol_class(house.ids),
            ws="none" if node is None else node.protocol_class(),
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        ),
        lambda: _say_ready(settings, announce),
    )
    await server.serve(sockets=[listener])


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    """A request that is cut off by a stop has been answered and logged when its cancellation comes to uvicorn, which
    would log it as a defect of the application."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _AnnouncedServer(uvicorn.Server):
    """Tells once it listens. A signal ends serving and nothing else: uvicorn would raise it again afterwards, which
    would cancel the closing of the house."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _say_ready(settings: Settings, announce: Announce) -> None:
    log.info("ready", host=settings.host, port=settings.port)
    announce(settings, "embedded PostgreSQL 18" if settings.is_embedded else "PostgreSQL by CADENZA_DATABASE_URL")

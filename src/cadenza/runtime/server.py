"""Serving: the database first, then the platform, then the port; and back in the reverse order."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog
import uvicorn

from cadenza.adapters.http.wire_protocol import protocol_class
from cadenza.adapters.storage.installation import settle_epoch
from cadenza.adapters.storage.migrate import migrate
from cadenza.ports.ids import Ids
from cadenza.runtime.bootstrap import Platform
from cadenza.runtime.config import Settings
from cadenza.runtime.embedded.postgres import EmbeddedPostgres
from cadenza.runtime.local import failpoints_from

log = structlog.get_logger()
GRACEFUL_SHUTDOWN_S = 5
BACKLOG = 1024
KEEP_ALIVE_S = 120
"""An idle connection is kept for longer than most clients keep theirs (aiohttp 15 s, Go 90 s), so that they close it: a
request that meets the server's end of a connection gets no answer, and nobody knows what became of its order."""


class PortTaken(OSError):
    """The address cannot be listened on; the message says which and why."""


Announce = Callable[[Settings, str], None]
"""Called once requests are answered and every venue has been tried, with the real port and which database it is."""


async def serve(settings: Settings, announce: Announce = lambda settings, database: None) -> None:
    """Run until SIGINT or SIGTERM."""
    listener = _listen(settings)
    settings = replace(settings, port=listener.getsockname()[1])
    postgres = None if settings.database_url else EmbeddedPostgres(settings.data_dir, port=settings.postgres_port)
    try:
        dsn = settings.database_url or await _started(postgres)
        await migrate(dsn)
        if await settle_epoch(dsn, None if postgres is None else postgres.mark_file):
            log.warning("this database is a restored copy: clients of the socket start from the present state")
        platform = await Platform.build(settings, dsn=dsn, failpoints=failpoints_from(settings.failpoint))
        await platform.open()
        try:
            await _serve_http(platform, listener, settings, announce)
        finally:
            await platform.close()
    finally:
        listener.close()
        if postgres is not None:
            await postgres.stop()


async def _started(postgres: EmbeddedPostgres | None) -> str:
    assert postgres is not None
    return await postgres.start()


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is started, so that a port that is taken ends the start at once."""
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


async def _serve_http(platform: Platform, listener: socket.socket, settings: Settings, announce: Announce) -> None:
    node = platform.realtime.node
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut_off)
    config = http_config(platform.app, platform.ids, None if node is None else node.protocol_class())
    server = _AnnouncedServer(config, lambda: _say_ready(platform, settings, announce))
    await server.serve(sockets=[listener])


def http_config(app: Callable[..., Any], ids: Ids, socket_class: type[asyncio.Protocol] | None) -> uvicorn.Config:
    """Return how uvicorn serves. `socket_class` speaks on connections that become WebSockets; None refuses these."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # `client_address` decides which client a proxy speaks for
        lifespan="off",
        server_header=False,
        http=protocol_class(ids),
        ws="none" if socket_class is None else socket_class,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
    )


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    """A request that is cut off by a stop has been answered and logged when its cancellation comes to uvicorn, which
    would log it as a defect of the application."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _AnnouncedServer(uvicorn.Server):
    """Starts `on_started` once it listens. A signal ends serving and nothing else: uvicorn would raise it again
    afterwards, which would cancel the closing of the platform."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._starting = asyncio.create_task(self._on_started(), name="announce")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.started:
            self._starting.cancel()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _say_ready(platform: Platform, settings: Settings, announce: Announce) -> None:
    await platform.first_tries()
    log.info("ready", host=settings.host, port=settings.port)
    announce(settings, "embedded PostgreSQL 18" if settings.is_embedded else "PostgreSQL by CADENZA_DATABASE_URL")

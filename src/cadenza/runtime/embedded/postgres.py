"""PostgreSQL started, watched and stopped by us, from the binaries that pip installed.

One process owns a data directory, by a file lock. The server is always our own child: one that a killed owner
left behind is shut down cleanly first, so there is one way of watching, and settings and version are always ours.
"""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import asyncpg
import structlog

from cadenza.runtime.embedded.binaries import choose_server_user, find_binaries
from cadenza.runtime.embedded.cluster import APPLICATION_ROLE, DATABASE, SOCKET_PORT, Cluster
from cadenza.runtime.embedded.errors import EmbeddedPostgresError
from cadenza.runtime.embedded.lock import DataDirLock

_POLL_S = 0.01
_WATCH_POLL_S = 0.05
_START_TIMEOUT_S = 300.0  # crash recovery replays at most max_wal_size, and a slow disk takes minutes for it
_CONNECT_TIMEOUT_S = 5.0
_STOP_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_STALE_LOCK_TIMEOUT_S = 5.0
_STABLE_AFTER_S = 10.0
_BACKOFF_FIRST_S = 0.1
_BACKOFF_MAX_S = 5.0

# Said by a starting server while the processes or the pid file of a killed one are still going away.
_STALE_SIGNS = (b'"postmaster.pid" already exists', b"pre-existing shared memory block", b"is still in use")

_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "15min",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
    }
)


class PostgresState(StrEnum):
    """Where the embedded server is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class PostgresStatus:
    """What `/health` and `cadenza doctor` show of the embedded server."""

    state: PostgresState
    pid: int | None
    restarts: int
    last_error: str | None

    @property
    def is_healthy(self) -> bool:
        """Whether the server accepted a connection after its last start and has not exited since."""
        return self.state is PostgresState.RUNNING


class EmbeddedPostgres:
    """One PostgreSQL server below `data_dir`, which is made when it is missing.

    `port` 0 means unix socket only; another number listens on 127.0.0.1 too. `settings` overrides server settings.
    Every commit acknowledged by the server survives kill -9 of it or of us, unless `settings` turns fsync off.
    """

    def __init__(self, data_dir: Path, *, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self._port = port
        self._settings = {**_SETTINGS, **(settings or {})}
        self._lock = DataDirLock(self._data_dir)
        self._cluster: Cluster | None = None
        self._bin_dir: Path | None = None
        self._socket_dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._state = PostgresState.STOPPED
        self._restarts = 0
        self._last_error: str | None = None
        self._log = structlog.get_logger("cadenza.postgres")

    @property
    def status(self) -> PostgresStatus:
        """The present state; cheap, never blocks."""
        pid = self._process.pid if self._process is not None and self._process.returncode is None else None
        return PostgresStatus(self._state, pid, self._restarts, self._last_error)

    @property
    def cluster_dir(self) -> Path:
        """The directory of the server's own files."""
        return self._data_dir / "postgres" / "data"

    @property
    def mark_file(self) -> Path:
        """The file, beside the server's own, by which a cluster that was copied or set back is recognised."""
        return self._data_dir / "postgres.mark"

    async def start(self) -> str:
        """Start the server and return the application's DSN, which stays valid through restarts until `stop`.

        Raises EmbeddedPostgresError, with nothing left running or locked, when it cannot.
        """
        if self._state is not PostgresState.STOPPED:
            raise EmbeddedPostgresError("the embedded PostgreSQL was started already")
        self._state = PostgresState.STARTING
        prepared = asyncio.ensure_future(asyncio.to_thread(self._prepare))
        try:
            await asyncio.shield(prepared)
            await self._stop_left_over()
            self._choose_socket()
            await self._launch()
        except BaseException as error:  # a cancelled start too must leave no server behind
            self._last_error = str(error)
            await asyncio.wait([prepared])  # a thread cannot be cancelled; what it made must be closed after it
            await self.stop()
            raise
        self._state = PostgresState.RUNNING
        self._watch = asyncio.create_task(self._keep_running(), name="embedded-postgres")
        return self.dsn()

    async def stop(self) -> None:
        """Stop the server, letting it write a checkpoint, and give the data directory free. Harmless when stopped."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._process is not None:
            await _stop_process(self._process)
            self._process = None
        if self._cluster is not None:
            if self._socket_dir is not None:
                self._cluster.remove_socket_dir(self._socket_dir)
                self._socket_dir = None
            self._cluster.close()
            self._cluster = None
        self._lock.release()
        self._state = PostgresState.STOPPED

    def dsn(self, role: str = APPLICATION_ROLE, database: str = DATABASE) -> str:
        """The URL of a database of the running server, by default the application's own."""
        if self._cluster is None or self._socket_dir is None:
            raise EmbeddedPostgresError("the embedded PostgreSQL is not running")
        return self._cluster.dsn(self._socket_dir, self._socket_port, role, database)

    @property
    def _socket_port(self) -> int:
        return self._port or SOCKET_PORT

    def _prepare(self) -> None:
        """All that comes before the server process: directory, owner, lock, binaries, cluster."""
        prepare_data_dir(self._data_dir)
        self._lock.acquire()
        user = choose_server_user(self._data_dir / "postgres")
        self._bin_dir = find_binaries(user, self._data_dir)
        self._cluster = Cluster(self._data_dir, user)
        self._cluster.open()
        self._cluster.create(self._bin_dir)

    async def _stop_left_over(self) -> None:
        """Shut down the server of an owner that was killed; what it acknowledged is on disk."""
        assert self._cluster is not None
        cluster, left_over = self._cluster, self._cluster.postmaster_file()
        if left_over is None:
            return
        pid = left_over.pid
        if cluster.is_running(pid):
            self._log.info("postgres.left_over.stopping", pid=pid)
            await _stop_server(lambda: cluster.is_running(pid), lambda step: os.kill(pid, step))
        else:
            cluster.forget_recycled_pid(left_over)
        cluster.remove_socket_dir(Path(left_over.socket_dir))

    def _choose_socket(self) -> None:
        assert self._cluster is not None
        if self._port:
            _require_free_port(self._port)
        self._socket_dir = self._cluster.make_socket_dir(self._socket_port)

    async def _launch(self) -> None:
        """Start the server process, again while a killed one is still going away, and wait until it answers."""
        deadline = asyncio.get_running_loop().time() + _STALE_LOCK_TIMEOUT_S
        while True:
            try:
                await self._launch_once()
                return
            except _StaleLockError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise EmbeddedPostgresError(str(error)) from error
                await asyncio.sleep(_WATCH_POLL_S)

    async def _launch_once(self) -> None:
        assert self._cluster is not None
        with self._cluster.startup_log.open("wb") as log:
            self._process = self._cluster.spawn(
                self._command(self._cluster), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            await self._wait_until_ready(self._cluster, self._process)
        except BaseException:  # a cancelled start too must leave no process behind
            await _stop_process(self._process)
            raise

    async def _wait_until_ready(self, cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT_S
        while not self._says_ready(cluster, process):
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL was not ready after {_START_TIMEOUT_S:.0f} s; see {cluster.startup_log}"
                )
            await asyncio.sleep(_POLL_S)
        try:
            connection = await asyncpg.connect(self.dsn(), timeout=_CONNECT_TIMEOUT_S)
            await connection.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise EmbeddedPostgresError(
                f"PostgreSQL runs, but its database {DATABASE} cannot be reached: {error}"
            ) from error

    def _command(self, cluster: Cluster) -> list[str]:
        assert self._bin_dir is not None
        assert self._socket_dir is not None
        inside = self._socket_dir == cluster.home
        settings = {
            **self._settings,
            "port": str(self._socket_port),
            "listen_addresses": "127.0.0.1" if self._port else "",
            "unix_socket_directories": _quoted(
                cluster.path_for_server(self._socket_dir) if inside else str(self._socket_dir)
            ),
        }
        command = [str(self._bin_dir / "postgres"), "-D", cluster.path_for_server(cluster.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _says_ready(self, cluster: Cluster, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            text = cluster.startup_log.read_bytes()
            message = f"PostgreSQL stopped while starting: {text[-800:].decode('utf-8', 'replace').strip()}"
            if any(sign in text for sign in _STALE_SIGNS):
                raise _StaleLockError(message)
            raise EmbeddedPostgresError(message)
        file = cluster.postmaster_file()
        return file is not None and file.pid == process.pid and file.is_ready

    async def _keep_running(self) -> None:
        """Start the server again whenever it exits: at once, then, while it keeps failing, after a growing pause."""
        loop = asyncio.get_running_loop()
        pause_s, running_since = 0.0, loop.time()
        while True:
            while self._process is not None and self._process.poll() is None:  # noqa: ASYNC110 - a process has no event
                await asyncio.sleep(_WATCH_POLL_S)
            self._state = PostgresState.RESTARTING
            if loop.time() - running_since >= _STABLE_AFTER_S:
                pause_s = 0.0
            self._log.error("postgres.exited", returncode=self._process and self._process.returncode, pause_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(max(pause_s * 2, _BACKOFF_FIRST_S), _BACKOFF_MAX_S)
            running_since = loop.time()
            try:
                await self._launch()
            except (EmbeddedPostgresError, OSError) as error:
                self._last_error = str(error)
                self._log.error("postgres.restart.failed", error=str(error))
                continue
            running_since = loop.time()
            self._restarts += 1
            self._state = PostgresState.RUNNING
            self._log.warning("postgres.restarted", restarts=self._restarts)


class _StaleLockError(Exception):
    """The server refused to start because a dead one still seems to be there."""


def prepare_data_dir(data_dir: Path) -> None:
    """Make the data directory (0700) unless it is there and ours; raises EmbeddedPostgresError with the remedy."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"data directory {data_dir} cannot be made ({error.strerror}); choose another with CADENZA_DATA_DIR."
        ) from error
    check_owner(data_dir)


def check_owner(data_dir: Path) -> None:
    """Check that an existing data directory is ours; raises EmbeddedPostgresError with the remedy."""
    owner, us = data_dir.stat().st_uid, os.geteuid()
    if owner != us:
        raise EmbeddedPostgresError(
            f"data directory {data_dir} belongs to uid {owner}, but this process runs as uid {us}. "
            "Start Cadenza as its owner, give it to this user with chown, or choose another with CADENZA_DATA_DIR."
        )
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise EmbeddedPostgresError(f"data directory {data_dir} is not writable; run: chmod u+rwx {data_dir}")


def dsn_of_running(data_dir: Path) -> str | None:
    """The DSN of a server that another process runs in `data_dir` now, for commands beside a running `serve`."""
    data_dir = data_dir.expanduser().absolute()
    cluster = Cluster(data_dir, choose_server_user(data_dir / "postgres"))
    file = cluster.postmaster_file()
    if file is None or not file.is_ready or not cluster.is_running(file.pid):
        return None
    return cluster.dsn(cluster.socket_dir_of(file), file.port)


def _quoted(path: str) -> str:
    """A path as one element of PostgreSQL's list of socket directories."""
    return '"' + path.replace('"', '""') + '"'


def _require_free_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise EmbeddedPostgresError(
                f"port {port} of 127.0.0.1 is not free for PostgreSQL ({error.strerror}); choose another with "
                "CADENZA_POSTGRES_PORT, or 0 for a unix socket only."
            ) from error


async def _stop_process(process: subprocess.Popen[bytes]) -> None:
    await _stop_server(lambda: process.poll() is None, process.send_signal)


async def _stop_server(is_running: Callable[[], bool], send: Callable[[int], None]) -> None:
    """Fast shutdown, then immediate, then kill: each next step costs a crash recovery, never an acknowledged commit."""
    loop = asyncio.get_running_loop()
    for step, timeout_s in _STOP_STEPS:
        if not is_running():
            return
        send(step)
        deadline = loop.time() + timeout_s
        while is_running() and loop.time() < deadline:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(_POLL_S)
    if is_running():
        raise EmbeddedPostgresError("PostgreSQL does not stop, not even by SIGKILL; its disk may be hanging.")

"""`cadenza doctor`: checks everything that `serve` needs, and says how to mend each problem."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg
import typer

from cadenza.adapters.engines.centrifugo.server_api import ApiFailed
from cadenza.adapters.storage.kept import KeptReportSql
from cadenza.adapters.storage.migrate import packaged_head, schema_version
from cadenza.adapters.storage.server_clock import server_now_ms
from cadenza.adapters.vault.keyring import FileKeyRing, KeyRing, KeyRingError
from cadenza.cli.common import in_words, open_database
from cadenza.ports.storage.trading import KeptSummary
from cadenza.runtime.config import Settings, specs
from cadenza.runtime.config_loader import ConfigError, LoadedSettings, load, shown
from cadenza.runtime.embedded import EmbeddedPostgresError
from cadenza.runtime.embedded.binaries import choose_server_user, find_binaries
from cadenza.runtime.embedded.lock import DataDirLock
from cadenza.runtime.embedded.postgres import check_owner
from cadenza.runtime.local import SystemClock
from cadenza.runtime.wiring.realtime import ask_centrifugo
from cadenza.wire.values import rfc3339

_PYTHON_MIN = (3, 11)
_POSTGRES_MAJOR_MIN = 15
_DISK_FREE_FAIL_BYTES = 200 * 1024**2
_DISK_FREE_WARN_BYTES = 2 * 1024**3
_CLOCK_DIFFERENCE_WARN_MS = 1000
_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. A problem comes with the way to mend it."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str


def doctor() -> None:
    """Check this machine, the settings, the data directory and the database; exit code 1 when one must be mended."""
    findings = []
    for finding in _examine():
        typer.echo(f"{finding.level:<5} {finding.subject:<15} {finding.text}")
        findings.append(finding)
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def _examine() -> Iterator[Finding]:
    yield _python()
    try:
        loaded = load(os.environ)
    except ConfigError as error:
        yield from (Finding("fail", "configuration", f"{problem}.") for problem in error.problems)
        return
    yield _configuration(loaded)
    yield from (Finding("warn", "configuration", warning) for warning in loaded.warnings)
    settings = loaded.settings
    checks: list[Callable[[Settings], Finding]] = [_data_dir, _disk, _clock, _port, _master_key]
    if settings.is_embedded:
        checks.insert(1, _postgres_binaries)
    for check in checks:
        yield check(settings)
    if settings.realtime == "centrifugo":
        yield asyncio.run(_centrifugo(settings))
    yield from asyncio.run(_database(settings))


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _PYTHON_MIN:
        return Finding(
            "fail", "python", f"{found} is too old; install Python 3.11 or newer and make a new environment."
        )
    return Finding("ok", "python", f"{found} at {sys.executable}")


def _configuration(loaded: LoadedSettings) -> Finding:
    changed = [
        f"{spec.name}={shown(spec, loaded.settings)} ({loaded.sources[spec.name]})"
        for spec in specs()
        if loaded.sources[spec.name] != "default"
    ]
    return Finding("ok", "configuration", "; ".join(changed) or "all defaults")


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir
    if not path.exists():
        above = _nearest_existing(path)
        if not above.is_dir():
            text = f"{path} cannot be made: {above} is not a directory; choose another with CADENZA_DATA_DIR."
            return Finding("fail", "data directory", text)
        if not os.access(above, os.W_OK | os.X_OK):
            return Finding(
                "fail",
                "data directory",
                f"{path} cannot be made: {above} is not writable; choose another with CADENZA_DATA_DIR.",
            )
        return Finding("ok", "data directory", f"{path} will be made at the first start")
    if not path.is_dir():
        text = f"{path} is not a directory; choose another with CADENZA_DATA_DIR."
        return Finding("fail", "data directory", text)
    try:
        check_owner(path)
    except EmbeddedPostgresError as error:
        return Finding("fail", "data directory", str(error))
    if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Finding("warn", "data directory", f"others may write to {path}; run: chmod go-w {path}")
    return Finding("ok", "data directory", str(path))


def _postgres_binaries(settings: Settings) -> Finding:
    try:
        user = choose_server_user(settings.data_dir / "postgres")
        bin_dir = find_binaries(user, settings.data_dir)
        version = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except EmbeddedPostgresError as error:
        return Finding("fail", "postgres", str(error))
    except (OSError, subprocess.CalledProcessError) as error:
        return Finding("fail", "postgres", f"the binaries do not run here ({error}); set CADENZA_DATABASE_URL instead.")
    return Finding("ok", "postgres", f"{version.strip()}, run as {user.name}")


def _disk(settings: Settings) -> Finding:
    free_bytes = shutil.disk_usage(_nearest_existing(settings.data_dir)).free
    text = f"{free_bytes / 1024**3:.1f} GiB free"
    if free_bytes < _DISK_FREE_FAIL_BYTES:
        return Finding(
            "fail", "disk", f"{text}: too little to work; make room, or move the data with CADENZA_DATA_DIR."
        )
    if free_bytes < _DISK_FREE_WARN_BYTES:
        return Finding("warn", "disk", f"{text}: make room before it runs out.")
    return Finding("ok", "disk", text)


def _clock(_settings: Settings) -> Finding:
    installed = Path(__file__).stat().st_mtime
    now = SystemClock().now_ms() // 1000
    if now < installed - 86_400:
        return Finding(
            "fail",
            "clock",
            "the clock is behind the day of installation; keep it set with NTP: venues refuse signatures seconds off.",
        )
    return Finding("ok", "clock", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))


def _port(settings: Settings) -> Finding:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if (owner := DataDirLock(settings.data_dir).owner()) is not None:
            return Finding(
                "ok", "port", f"{settings.port} is in use; a Cadenza (pid {owner}) runs on this data directory"
            )
        return Finding(
            "fail",
            "port",
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}); stop the program that has it, "
            "or choose another with CADENZA_HOST and CADENZA_PORT.",
        )
    return Finding("ok", "port", f"{settings.host}:{settings.port} is free")


def _master_key(settings: Settings) -> Finding:
    path = settings.master_key_file
    try:
        if settings.master_key:
            ids, where = KeyRing.from_text(settings.master_key).ids(), "the configuration"
        elif path.exists():
            ids, where = FileKeyRing(path).ids(), str(path)
        elif (settings.data_dir / "postgres" / "data").exists():
            text = f"{path} is missing beside an existing database; restore it if venue credentials were stored."
            return Finding("warn", "master key", text)
        else:
            return Finding("ok", "master key", f"{path} will be made at the first start")
    except KeyRingError as error:
        return Finding("fail", "master key", f"{error}. A new one is made with: openssl rand -base64 32")
    except OSError as error:
        text = f"{path} cannot be read ({error.strerror}); give it to the user who runs Cadenza with chown."
        return Finding("fail", "master key", text)
    return Finding("ok", "master key", f"{len(ids)} in {where}, active {ids[0]}")


async def _centrifugo(settings: Settings) -> Finding:
    if not settings.master_key and not settings.master_key_file.exists():
        return Finding("ok", "centrifugo", "is asked when there is a master key, of which its own are made")
    try:
        keys = KeyRing.from_text(settings.master_key) if settings.master_key else FileKeyRing(settings.master_key_file)
        await ask_centrifugo(settings, keys)
    except ApiFailed as error:
        text = f"{error}; start it, with what `cadenza centrifugo config` writes. Until then clients get nothing."
        return Finding("warn", "centrifugo", text)
    except (KeyRingError, OSError) as error:
        return Finding("warn", "centrifugo", f"its keys cannot be derived: {error}")
    return Finding("ok", "centrifugo", f"{settings.centrifugo.api_url} answers")


async def _database(settings: Settings) -> list[Finding]:
    try:
        if settings.is_embedded and not (settings.data_dir / "postgres" / "data").exists():
            return [Finding("ok", "database", "will be made at the first start")]
        async with open_database(settings) as dsn:
            connection = await asyncpg.connect(dsn, timeout=_CONNECT_TIMEOUT_S)
            try:
                return [finding async for finding in _look_at(connection)]
            finally:
                await connection.close()
    except EmbeddedPostgresError as error:
        return [Finding("fail", "database", str(error))]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = (in_words(error) if isinstance(error, OSError) else str(error)) or type(error).__name__
        place = "the data directory" if settings.is_embedded else "CADENZA_DATABASE_URL and that the server runs"
        return [Finding("fail", "database", f"cannot be reached ({reason}); check {place}.")]


async def _look_at(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    major = connection.get_server_version().major
    if major < _POSTGRES_MAJOR_MIN:
        yield Finding("fail", "database", f"PostgreSQL {major} is too old; use {_POSTGRES_MAJOR_MIN} or newer.")
    else:
        yield Finding("ok", "database", f"PostgreSQL {major} answers")
    difference_ms = abs(await server_now_ms(connection) - SystemClock().now_ms())
    if difference_ms > _CLOCK_DIFFERENCE_WARN_MS:
        yield Finding("warn", "database clock", f"differs from ours by {difference_ms} ms; keep both set with NTP.")
    current, head = await schema_version(connection), packaged_head()
    if current == head:
        yield Finding("ok", "schema", f"{current}, as this release wants it")
        yield _kept(await KeptReportSql(connection).summary())
    elif current < head:
        yield Finding(
            "warn",
            "schema",
            f"{current}, this release has {head}; `cadenza serve` or `cadenza migrate` brings it there.",
        )
    else:
        yield Finding(
            "fail",
            "schema",
            f"{current} is newer than this release's {head}; install the release that wrote it, or a later one.",
        )


def _kept(summary: KeptSummary) -> Finding:
    if summary.oldest_kept_at_ms is None:
        return Finding("ok", "reports", "every report of a venue has been booked")
    text = (
        f"{summary.curable_count} fit no order yet and {summary.refused_count} could not be booked, "
        f"the oldest kept since {rfc3339(summary.oldest_kept_at_ms)}"
    )
    return Finding("warn", "reports", f"{text}; `cadenza reports` lists them: look these orders up at the venue.")


def _nearest_existing(path: Path) -> Path:
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())

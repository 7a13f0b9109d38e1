"""A PostgreSQL cluster on disk: where its files are, how it is made, and which process claims to be running it.

Everything here is synchronous and short, except `create`, which runs initdb.
"""

import errno
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cadenza.runtime.embedded.binaries import POSTGRES_MAJOR, ServerUser
from cadenza.runtime.embedded.errors import EmbeddedPostgresError

DATABASE = "cadenza"
APPLICATION_ROLE = "cadenza"
SUPERUSER_ROLE = "postgres"
SOCKET_PORT = 5432
_SOCKET_PATH_BYTES_MAX = 107
_SOCKET_DIR_PARENT = Path("/tmp")  # noqa: S108 - short; directories in it are private, with random names
_SOCKET_DIR_PREFIX = "cadenza-pg-"
_INITDB_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class PostmasterFile:
    """What a running or dead postmaster wrote into postmaster.pid."""

    pid: int
    port: int
    socket_dir: str
    is_ready: bool


class Cluster:
    """The files of one embedded server below `<data directory>/postgres`, owned by the user the server runs as.

    When we are root the server's user may be unable to enter the directories above, so the server is given the
    directory as an inherited descriptor (`/proc/self/fd/N`) and needs no permission on the path that leads to it.
    """

    def __init__(self, data_dir: Path, user: ServerUser) -> None:
        self.home = data_dir / "postgres"
        self.data = self.home / "data"
        # Beside the server's own directory: as root we must not open for writing what its user could replace by a link.
        self.startup_log = data_dir / "postgres.startup.log"
        self.user = user
        self._password_file = data_dir / "postgres.password"
        self._home_fd: int | None = None

    def open(self) -> None:
        """Make the directory when it is missing, and open it for the server."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        if not self.user.is_ours:
            os.chown(self.home, self.user.uid, self.user.gid)
            if Path("/proc/self/fd").exists():
                self._home_fd = os.open(self.home, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Close the descriptor; a running server keeps its own."""
        if self._home_fd is not None:
            os.close(self._home_fd)
            self._home_fd = None

    def path_for_server(self, path: Path) -> str:
        """The name by which the server's process reaches `path`, which lies below `home`."""
        if self._home_fd is None:
            return str(path)
        return str(Path(f"/proc/self/fd/{self._home_fd}") / path.relative_to(self.home))

    def spawn(self, command: list[str], **kwargs: object) -> subprocess.Popen[bytes]:
        """Start `command` as the server's user, in a session of its own so that Ctrl-C in a terminal spares it."""
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            command,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
            umask=0o077,
            pass_fds=() if self._home_fd is None else (self._home_fd,),
            **({} if self.user.is_ours else {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}),
            **kwargs,
        )

    def create(self, bin_dir: Path) -> None:
        """Make the cluster when there is none: initdb, our role and our database, moved into place in one step."""
        if self.data.exists():
            self._check_major_version()
            return
        scratch = self.home / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        password_file = self.home / "initdb.password"
        password = self._make_password()
        try:
            _write_private(password_file, password, self.user.uid, self.user.gid)
            self._initdb(bin_dir, scratch, password_file)
        finally:
            password_file.unlink(missing_ok=True)
        statements = (
            f"CREATE ROLE {APPLICATION_ROLE} LOGIN PASSWORD '{password}'\n"
            f"CREATE DATABASE {DATABASE} OWNER {APPLICATION_ROLE}\n"
        )
        single_user = [str(bin_dir / "postgres"), "--single", "-D", self.path_for_server(scratch), "postgres"]
        self._run(single_user, statements.encode())
        scratch.rename(self.data)
        _fsync_directory(self.home)

    def dsn(self, socket_dir: Path, port: int, role: str = APPLICATION_ROLE, database: str = DATABASE) -> str:
        """The URL of a database of this cluster, through its unix socket."""
        password = self._password_file.read_text("ascii").strip()
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(socket_dir), safe='/')}&port={port}"

    def make_socket_dir(self, port: int) -> Path:
        """Where the socket shall be: our own directory, or a short private one when that path is too long."""
        if len(os.fsencode(self.home / f".s.PGSQL.{port}")) <= _SOCKET_PATH_BYTES_MAX:
            return self.home
        made = Path(tempfile.mkdtemp(prefix=_SOCKET_DIR_PREFIX, dir=_SOCKET_DIR_PARENT))
        os.chown(made, self.user.uid, self.user.gid)
        return made

    def remove_socket_dir(self, socket_dir: Path) -> None:
        """Remove a directory that `make_socket_dir` made outside `home`; anything else is left alone."""
        if socket_dir.parent == _SOCKET_DIR_PARENT and socket_dir.name.startswith(_SOCKET_DIR_PREFIX):
            shutil.rmtree(socket_dir, ignore_errors=True)

    def postmaster_file(self) -> PostmasterFile | None:
        """Read postmaster.pid; None when there is none or it is not complete yet."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not lines[0].strip().isdigit() or not lines[3].strip().isdigit():
            return None
        status = lines[7].strip() if len(lines) > 7 else ""
        return PostmasterFile(int(lines[0]), int(lines[3]), lines[4].strip(), status == "ready")

    def socket_dir_of(self, postmaster: PostmasterFile) -> Path:
        """Where clients find the socket of a running server."""
        return self.home if postmaster.socket_dir.startswith("/proc/self/fd/") else Path(postmaster.socket_dir)

    def is_running(self, pid: int) -> bool:
        """Whether process `pid` is the server of this cluster, and not a stranger that got a dead server's number."""
        if not _exists(pid):
            return False
        if not Path("/proc/self/cwd").exists():
            shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
            return b"postgres" in shown.stdout
        try:
            return os.path.samefile(f"/proc/{pid}/cwd", self.data)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EACCES, errno.ESRCH):
                return False
            raise

    def forget_recycled_pid(self, left_over: PostmasterFile) -> None:
        """Remove pid files whose number now belongs to a stranger; PostgreSQL would refuse to start because of them.

        Surviving backends of the dead server are still noticed: their shared memory is found by the directory's inode.
        """
        if _exists(left_over.pid):
            (self.home / f".s.PGSQL.{left_over.port}.lock").unlink(missing_ok=True)
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _make_password(self) -> str:
        password = secrets.token_hex(32)
        _write_private(self._password_file, password)
        return password

    def _initdb(self, bin_dir: Path, scratch: Path, password_file: Path) -> None:
        self._run(
            [
                str(bin_dir / "initdb"),
                f"--pgdata={self.path_for_server(scratch)}",
                f"--username={SUPERUSER_ROLE}",
                f"--pwfile={self.path_for_server(password_file)}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ]
        )

    def _run(self, command: list[str], stdin: bytes = b"") -> None:
        process = self.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = process.communicate(stdin, timeout=_INITDB_TIMEOUT_S)
        finally:
            process.kill()
        text = output.decode("utf-8", "replace").strip()
        if process.returncode != 0 or "ERROR:" in text:
            raise EmbeddedPostgresError(
                f"{Path(command[0]).name} could not make the database in {self.home}: {text[-800:]}"
            )

    def _check_major_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text("ascii").strip()
        except FileNotFoundError:
            found = "an unknown version"
        if found != str(POSTGRES_MAJOR):
            raise EmbeddedPostgresError(
                f"{self.data} was made by PostgreSQL {found}, this installation brings {POSTGRES_MAJOR}; "
                "move the data with pg_dump and pg_restore, or install the Cadenza release that made it."
            )
        if not self._password_file.exists():
            raise EmbeddedPostgresError(
                f"{self._password_file} is missing, and without it nobody can log in to {self.data}; "
                "restore it from a backup."
            )


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_private(path: Path, text: str, uid: int = -1, gid: int = -1) -> None:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.fchown(fd, uid, gid)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

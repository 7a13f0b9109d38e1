"""One owner per data directory, kept by an advisory file lock that the kernel drops when the owner dies."""

import fcntl
import os
from pathlib import Path

from cadenza.runtime.embedded.errors import EmbeddedPostgresError

LOCK_FILE_NAME = "cadenza.lock"


class DataDirLock:
    """Exclusive ownership of a data directory for as long as this process lives.

    The descriptor is not inheritable, so a PostgreSQL that outlives a killed owner does not hold the lock.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / LOCK_FILE_NAME
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise EmbeddedPostgresError at once, naming the process that has it."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise EmbeddedPostgresError(
                f"data directory {self._path.parent} is already in use by another Cadenza process (pid {owner}). "
                "Stop that process, or give this one a directory of its own with CADENZA_DATA_DIR."
            ) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
        self._fd = fd

    def owner(self) -> str | None:
        """The pid of the process that has the lock now, None when nobody has it. Takes nothing."""
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        finally:
            os.close(fd)
        return None

    def release(self) -> None:
        """Give the lock back; harmless when it is not held. The file stays, so that nobody locks a deleted inode."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

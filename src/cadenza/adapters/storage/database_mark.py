"""The mark of our own cluster: a file beside it that a copy of the database, or of the file, does not match.

Each start of the server writes a new random token, both to this file and to the database. A database that was set back
holds an older token than the file. If the file was set back with it, the file system shows that: it stamps the file
with an instant (`ctime`) that no program can choose, and the database holds that stamp too.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DatabaseMark:
    """The content of the file, and the file system's stamp of it."""

    token: str
    stamp: str


def read_mark(path: Path) -> DatabaseMark | None:
    """Return the mark; None if there is no file."""
    try:
        return DatabaseMark(path.read_text("ascii"), _stamp(path))
    except FileNotFoundError:
        return None


def write_mark(path: Path, token: str) -> DatabaseMark:
    """Write the file (0600) in one step, durably, and return the mark. A crash leaves the old file or the new one."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return DatabaseMark(token, _stamp(path))


def _stamp(path: Path) -> str:
    return str(path.stat().st_ctime_ns)

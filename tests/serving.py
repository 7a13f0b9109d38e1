"""The whole server as its user runs it: a process of its own, talked to over its port, killed at will."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Self

_READY_WITHIN_S = 180.0
_STOPPED_WITHIN_S = 30.0
_API = re.compile(r"API\s+(http://\S+)/api/v3")
_LAST_WORDS_CHARS_MAX = 4_000


class DidNotStart(AssertionError):
    """The server ended, or was not ready in time; the message has its last words."""


class Serving:
    """One run of `cadenza serve`. `start` returns when it is ready; its log goes to `log_file`."""

    def __init__(self, process: Process, url: str, log_file: Path) -> None:
        self.process = process
        self.url = url
        self.log_file = log_file

    @classmethod
    async def start(cls, data_dir: Path, settings: Mapping[str, object] | None = None, **more: object) -> Self:
        """Run a server on a free port; the parent of `data_dir` must exist. `settings` and `more` are settings without
        their CADENZA_ prefix."""
        log_file = data_dir.parent / f"{data_dir.name}.log"
        given = {"PORT": 0, "DATA_DIR": data_dir, "LOG_FORMAT": "json", **(settings or {}), **more}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CADENZA_")}
        environ |= {f"CADENZA_{name}": str(value) for name, value in given.items()}
        with open(log_file, "ab") as log:  # noqa: ASYNC230 - a moment, and in a test
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cadenza.cli", "serve", env=environ, stdin=DEVNULL, stdout=PIPE, stderr=log
            )
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                url = await _read_url(process)
        except TimeoutError:
            process.kill()
            url = None
        if url is None:
            await process.wait()
            raise DidNotStart(f"exit code {process.returncode}:\n{last_words(log_file)}")
        return cls(process, url, log_file)

    @property
    def address(self) -> str:
        """host:port."""
        return self.url.removeprefix("http://")

    async def kill(self) -> None:
        """End it with SIGKILL: no time for last words."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def ended(self) -> int:
        """Wait for it to end by itself (at a failpoint, say); return the exit code."""
        async with asyncio.timeout(_STOPPED_WITHIN_S):
            return await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop, as Ctrl-C does; return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return await self.ended()
        except TimeoutError:
            await self.kill()
            raise


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    """Wait until what lies in another process is so."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - no event of ours tells it
            await asyncio.sleep(0.05)


def last_words(log_file: Path) -> str:
    """The end of a server's log."""
    return log_file.read_text(errors="replace")[-_LAST_WORDS_CHARS_MAX:]


async def _read_url(process: Process) -> str | None:
    """The address that the banner names; None when the process ended without one."""
    assert process.stdout is not None
    async for line in process.stdout:
        if (found := _API.search(line.decode())) is not None:
            return found[1]
    return None

"""A server of its own for a benchmark, in a fresh directory: started, measured from outside, stopped."""

import asyncio
import os
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.error import HTTPError
from urllib.request import urlopen

from cadenza.runtime.embedded.binaries import choose_server_user
from cadenza.runtime.embedded.cluster import Cluster

SETTINGS: Mapping[str, str] = {
    "CADENZA_PAPER_LATENCY_MS_MIN": "0",
    "CADENZA_PAPER_OPEN_ORDERS_MAX": "100000",
    "CADENZA_PAPER_LATENCY_MS_MAX": "0",
    "CADENZA_LIMITS_FLOOD_REQUESTS_PER_S": "1000000",
    "CADENZA_LIMITS_SIGNUP_PER_MINUTE": "1000",
    "CADENZA_LIMITS_LOGIN_PER_MINUTE": "1000",
}
"""What differs from the defaults. The venue answers at once, so that the platform is measured and not its patience."""
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

_ADDRESS = re.compile(rb"API\s+http://([\d.]+):(\d+)/api/v3")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TICK_S = 1 / _TICKS_PER_S
"""CPU time is counted in such steps: less may be counted as none."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds so far: used by the server's process and by PostgreSQL's processes, and idle of the whole machine."""

    python_s: float
    postgres_s: float
    idle_s: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.python_s - earlier.python_s, self.postgres_s - earlier.postgres_s, self.idle_s - earlier.idle_s)


class Served:
    """One run of `cadenza serve`; `answers_s` is the time from its start until it takes requests, `ready_s` until
    /readyz is ready."""

    def __init__(
        self, process: Process, data_dir: Path, host: str, port: int, answers_s: float, ready_s: float
    ) -> None:
        self.host = host
        self.port = port
        self.answers_s = answers_s
        self.ready_s = ready_s
        self._process = process
        self._cluster = Cluster(data_dir, choose_server_user(data_dir / "postgres"))

    @classmethod
    async def start(cls, data_dir: Path, settings: Mapping[str, str] = NO_SETTINGS) -> Self:
        environ = without_settings() | {**SETTINGS, "CADENZA_PORT": "0", "CADENZA_DATA_DIR": str(data_dir), **settings}
        started = time.perf_counter()
        with open(data_dir.with_suffix(".log"), "ab") as log:  # noqa: ASYNC230 - a moment, and nothing else runs
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cadenza.cli", "serve", env=environ, stdin=DEVNULL, stdout=PIPE, stderr=log
            )
        assert process.stdout is not None
        async for line in process.stdout:
            if (found := _ADDRESS.search(line)) is not None:
                host, port = found[1].decode(), int(found[2])
                break
        else:
            raise _not_started(data_dir)
        answers_s = time.perf_counter() - started
        while not await asyncio.to_thread(_is_ready, f"http://{host}:{port}/readyz"):
            if process.returncode is not None:
                raise _not_started(data_dir)
            await asyncio.sleep(0.01)
        return cls(process, data_dir, host, port, answers_s, time.perf_counter() - started)

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        await self._process.wait()

    def dsn(self) -> str:
        """The address of its database."""
        postmaster = self._cluster.postmaster_file()
        assert postmaster is not None
        return self._cluster.dsn(self._cluster.socket_dir_of(postmaster), postmaster.port)

    def cpu(self) -> Cpu:
        postmaster, *others = self._postgres_pids()
        return Cpu(
            python_s=process_cpu_s(self._process.pid),
            postgres_s=process_cpu_s(postmaster, with_children=True) + sum(process_cpu_s(pid) for pid in others),
            idle_s=_machine_idle_s(),
        )

    def memory_mib(self) -> tuple[float, float]:
        """Proportional set size of the server's process, and of PostgreSQL's processes together."""
        return _pss_mib([self._process.pid]), _pss_mib(self._postgres_pids())

    def _postgres_pids(self) -> list[int]:
        """The postmaster, then its children."""
        postmaster = self._cluster.postmaster_file()
        assert postmaster is not None
        children = Path(f"/proc/{postmaster.pid}/task/{postmaster.pid}/children").read_text().split()
        return [postmaster.pid, *map(int, children)]


def without_settings() -> dict[str, str]:
    """This process's environment without settings of Cadenza, which a benchmark chooses itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CADENZA_")}


def _not_started(data_dir: Path) -> SystemExit:
    return SystemExit(f"the server did not start: {data_dir.with_suffix('.log').read_text()[-2000:]}")


def _is_ready(url: str) -> bool:
    try:
        urlopen(url).close()
    except HTTPError:
        return False
    return True


def process_cpu_s(pid: int, *, with_children: bool = False) -> float:
    """User and system time; `with_children` adds that of children that have ended."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, numbers if with_children else numbers[:2])) / _TICKS_PER_S


def _machine_idle_s() -> float:
    """Time in which a core had nothing to do, of all cores; waiting for the disk is such a time too."""
    idle, waiting = Path("/proc/stat").read_text().splitlines()[0].split()[4:6]
    return (int(idle) + int(waiting)) / _TICKS_PER_S


def _pss_mib(pids: Iterable[int]) -> float:
    total_kib = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total_kib += int(found[1]) if found is not None else 0
    return total_kib / 1024

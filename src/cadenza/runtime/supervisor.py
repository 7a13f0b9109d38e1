"""Long-lived tasks that are started again when they fail, show how they are, and end in order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import structlog

from cadenza.domain.errors import CadenzaError, InternalError

TaskBody = Callable[[], Awaitable[None]]

_STABLE_AFTER_S = 30.0

_REPEATED_LINE_EVERY = 50
"""A known cause that repeats is logged again after so many failures."""


class TaskState(StrEnum):
    """Where a supervised task is in its life."""

    RUNNING = "running"
    WAITING = "waiting"  # it failed, and is started again after a pause
    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """How one task is. `failures` counts since the start of the process, `last_error` is the latest of them."""

    name: str
    state: TaskState
    failures: int
    last_error: str | None

    @property
    def is_healthy(self) -> bool:
        """Running, or finished on its own."""
        return self.state in (TaskState.RUNNING, TaskState.FINISHED)


class Supervisor:
    """Runs named tasks in one event loop.

    A task that raises is started again after a pause that doubles from `backoff_ms_first` to `backoff_ms_max`; a run of
    30 s makes the pause short again. A known cause (`CadenzaError`, but no defect of ours) is logged as a warning
    without a traceback: when it is another one than before, after a run of 30 s, and at every 50th time. Anything else
    is an error each time. A task that returns has finished. Names are unique while the supervisor lives.
    """

    def __init__(self, *, backoff_ms_first: int = 50, backoff_ms_max: int = 10_000) -> None:
        self._backoff_ms_first = backoff_ms_first
        self._backoff_ms_max = backoff_ms_max
        self._tasks: dict[str, _SupervisedTask] = {}
        self._stopping = False

    def start(self, name: str, body: TaskBody) -> None:
        """Start `body` as the task `name`. Tasks end in the reverse order of their starts."""
        if self._stopping:
            raise RuntimeError(f"task {name} was started while the supervisor stops")
        if name in self._tasks:
            raise ValueError(f"a task named {name} runs already")
        self._tasks[name] = _SupervisedTask(name, body, self._backoff_ms_first, self._backoff_ms_max)

    def repeat(self, name: str, pause_ms: int, work: TaskBody) -> None:
        """Start the task `name`, which does `work` again and again with a pause between two times."""

        async def loop() -> None:
            while True:
                await work()
                await asyncio.sleep(pause_ms / 1000)

        self.start(name, loop)

    async def cancel(self, name: str, deadline_ms: int = 5000) -> None:
        """End one task and forget it; its name may be used again. Harmless when there is none of that name."""
        if (task := self._tasks.pop(name, None)) is not None:
            await task.end(deadline_ms)

    async def stop(self, deadline_ms: int) -> list[str]:
        """End all tasks, the last one started first, within `deadline_ms` together.

        Returns the names of those that did not end in time; they stay cancelled and are not waited for.
        """
        self._stopping = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_ms / 1000
        late: list[str] = []
        for task in reversed(self._tasks.values()):
            if not await task.end(max(0, int((deadline - loop.time()) * 1000))):
                late.append(task.name)
        return late

    def health(self) -> Iterator[TaskHealth]:
        """How every task is, in the order of their starts."""
        return (task.health() for task in self._tasks.values())

    @property
    def is_healthy(self) -> bool:
        """Whether no task is waiting to be started again."""
        return all(health.is_healthy for health in self.health())


class _SupervisedTask:
    def __init__(self, name: str, body: TaskBody, backoff_ms_first: int, backoff_ms_max: int) -> None:
        self.name = name
        self._body = body
        self._backoff_ms_first = backoff_ms_first
        self._backoff_ms_max = backoff_ms_max
        self._state = TaskState.RUNNING
        self._failures = 0
        self._same = 0
        self._last_error: str | None = None
        self._log = structlog.get_logger("cadenza.supervisor").bind(task=name)
        self._task = asyncio.create_task(self._run(), name=name)

    def health(self) -> TaskHealth:
        return TaskHealth(self.name, self._state, self._failures, self._last_error)

    async def end(self, deadline_ms: int) -> bool:
        """Cancel the task; whether it ended within `deadline_ms`."""
        if self._state is not TaskState.FINISHED:
            self._task.cancel()
        _, pending = await asyncio.wait([self._task], timeout=deadline_ms / 1000)
        if pending:
            self._log.error("supervisor.task.late", deadline_ms=deadline_ms)
            return False
        if self._state is not TaskState.FINISHED:
            self._state = TaskState.STOPPED
        return True

    def _count(self, error: Exception) -> bool:
        """Count a failure. Return whether a line in the log is due: the cause is another one than before, or it is the
        `_REPEATED_LINE_EVERY`th time."""
        former, self._last_error = self._last_error, f"{type(error).__name__}: {error}"
        self._same = self._same + 1 if self._last_error == former else 0
        self._failures += 1
        return self._same % _REPEATED_LINE_EVERY == 0

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause_ms = self._backoff_ms_first
        while True:
            self._state = TaskState.RUNNING
            started = loop.time()
            try:
                await self._body()
            except Exception as error:  # noqa: BLE001 - the supervised edge: it is logged, counted and tried again
                is_news = self._count(error) or loop.time() - started >= _STABLE_AFTER_S
                if not isinstance(error, CadenzaError) or isinstance(error, InternalError):
                    self._log.exception("supervisor.task.failed", failures=self._failures)
                elif is_news:  # a cause that we know: its words say all
                    self._log.warning("supervisor.task.failed", failures=self._failures, error=self._last_error)
            else:
                self._state = TaskState.FINISHED
                return
            if loop.time() - started >= _STABLE_AFTER_S:
                pause_ms = self._backoff_ms_first
            self._state = TaskState.WAITING
            await asyncio.sleep(pause_ms / 1000)
            pause_ms = min(pause_ms * 2, self._backoff_ms_max)

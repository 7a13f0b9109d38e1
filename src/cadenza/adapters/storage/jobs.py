"""Durable jobs on PostgreSQL: pgqueuer's tables in the schema `jobs`, filled in the business transaction.

This module adds names and limits that no environment variable changes, a runner that survives the loss of its
connections, retries with backoff, and failed jobs that stay in the queue until a person handles them.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Context, HealthCheckEvent, Job
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

from cadenza.ports.jobs import PAYLOAD_BYTES_MAX

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]
OnGivenUp = Callable[[str, Mapping[str, Any], Exception], None]
"""Called with the name of a job, its payload and the failure of its last try."""

# Every name is given, so that no variable of the environment changes one: the library reads, for instance, CHANNEL.
QUEUE_SETTINGS = DBSettings(
    prefix="",
    db_schema="jobs",
    channel=Channel("cadenza_jobs"),
    function="queue_changed",
    statistics_table="statistics",
    queue_status_type="queue_status",
    queue_table="queue",
    queue_table_log="log",
    trigger="queue_changed",
    schedules_table="schedules",
    durability=Durability.durable,
    widen_id=True,
)

ATTEMPTS_MAX = 12
"""Tries before a job is set aside as failed; with the delays below this takes about an hour."""
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=10)
_RESTART_DELAY_S = 1.0
_LOG_KEPT = timedelta(days=7)
_LOG_PURGE_INTERVAL_S = 3600.0
STOP_TIMEOUT_S = 10.0

_log = logging.getLogger(__name__)


class Manager(QueueManager):
    """The library's listener. It may ask for a sign of life before it listens, and then misses the answer. This one
    asks once more, so that a slow start does not end in a restart."""

    async def listener_healthy(self, timeout: timedelta = timedelta(seconds=10)) -> HealthCheckEvent:
        try:
            return await super().listener_healthy(timeout)
        except FailingListenerError:
            return await super().listener_healthy(timeout)


@dataclass
class _Executor(DatabaseRetryEntrypointExecutor):
    """Reports the failure of the last try."""

    on_given_up: OnGivenUp = field(kw_only=True)

    async def execute(self, job: Job, context: Context) -> None:
        try:
            await super().execute(job, context)
        except RetryRequested:
            raise
        except Exception as error:  # whatever ended the last try is reported, and raised again
            self.on_given_up(job.entrypoint, _payload_of(job), error)
            raise


def _queries(driver: Driver) -> Queries:
    return Queries(
        driver,
        QueryBuilderEnvironment(QUEUE_SETTINGS),
        QueryQueueBuilder(QUEUE_SETTINGS),
        QuerySchedulerBuilder(QUEUE_SETTINGS),
    )


class JobsSql:
    """`ports.jobs.Jobs` over one connection: a job is a row of the caller's transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def enqueue(
        self,
        name: str,
        payload: Mapping[str, object],
        *,
        run_at_ms: int | None = None,
        dedupe_key: str | None = None,
    ) -> bool:
        """Insert the job; `dedupe_key` counts per `name`. Raises ValueError for a payload over the limit."""
        body = json.dumps(dict(payload), allow_nan=False).encode()
        if len(body) > PAYLOAD_BYTES_MAX:
            raise ValueError(f"payload of job {name}: {len(body)} bytes, at most {PAYLOAD_BYTES_MAX}")
        (job_id,) = await _queries(AsyncpgDriver(self._connection)).enqueue(
            name,
            body,
            execute_after=None if run_at_ms is None else await self._from_now(run_at_ms),
            dedupe_key=None if dedupe_key is None else f"{name}:{dedupe_key}",
            on_conflict="skip",
        )
        return job_id is not None

    async def _from_now(self, run_at_ms: int) -> timedelta:
        """Return the delay until the instant. The library counts it from the transaction's start on the database's
        clock, so that clock is used."""
        return await self._connection.fetchval(  # type: ignore[no-any-return]
            "SELECT greatest(to_timestamp($1::bigint / 1000.0) - now(), interval '0')", run_at_ms
        )


@dataclass(frozen=True, slots=True)
class JobsHealth:
    """`is_running` is whether jobs are taken; `waiting` and `failed` count rows (a person has to handle failed
    ones)."""

    is_running: bool
    waiting: int
    failed: int


class JobRunner:
    """Runs jobs in this process, at most `concurrency_max` at once.

    A handler that raises is tried again with growing delays, `attempts_max` times in all; then the job stays as failed,
    and `on_given_up` is called.
    A job whose process died is taken over when its heartbeat is `heartbeat_timeout_s` old. After a loss of the database
    the runner reconnects.
    """

    def __init__(
        self,
        dsn: str,
        handlers: Mapping[str, Handler],
        *,
        concurrency_max: int = 8,
        attempts_max: int = ATTEMPTS_MAX,
        first_delay: timedelta = _FIRST_DELAY,
        heartbeat_timeout_s: float = 10.0,
        on_given_up: OnGivenUp = lambda name, payload, error: None,
    ) -> None:
        if concurrency_max < 2:
            raise ValueError("concurrency_max must be at least 2")
        self._dsn = dsn
        self._handlers = dict(handlers)
        self._concurrency_max = concurrency_max
        self._attempts_max = attempts_max
        self._first_delay = first_delay
        self._on_given_up = on_given_up
        self._heartbeat_timeout = timedelta(seconds=heartbeat_timeout_s)
        self._manager: Manager | None = None
        self._pool: asyncpg.Pool | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def start(self) -> None:
        """Start to take jobs, in the background."""
        self._is_stopping = False
        self._task = asyncio.create_task(self._supervise(), name="jobs")

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Take no more jobs and let those at work end. A job that does not end in time is given up and runs again
        later."""
        self._is_stopping = True
        if self._manager is not None:
            self._manager.shutdown.set()
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=timeout_s)
        if late and self._pool is not None:
            # The library writes a cancelled job off. Cut off from the database it cannot, and the job counts as one of
            # a process that died.
            self._pool.terminate()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    @property
    def is_running(self) -> bool:
        return self._manager is not None

    async def health(self) -> JobsHealth:
        """Ask the database for the counts; raises asyncpg or OS errors when it does not answer."""
        connection = await asyncpg.connect(self._dsn, timeout=5)
        try:
            return await self.health_over(connection)
        finally:
            await connection.close()

    async def health_over(self, connection: asyncpg.Connection) -> JobsHealth:
        """Return the counts over the given connection."""
        row = await connection.fetchrow(
            """
            SELECT count(*) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS waiting,
                   count(*) FILTER (WHERE status = 'failed') AS failed
            FROM jobs.queue
            """
        )
        return JobsHealth(self.is_running, row["waiting"], row["failed"])

    async def _supervise(self) -> None:
        while not self._is_stopping:
            try:
                await self._run()
            except Exception:  # noqa: BLE001 - a supervised loop: logged, then the runner starts again
                _log.exception("the job runner stopped; it starts again")
                await asyncio.sleep(_RESTART_DELAY_S)
            finally:
                self._manager = self._pool = None

    async def _run(self) -> None:
        # One connection listens, the others query; jobs themselves use connections of their own.
        async with asyncpg.create_pool(self._dsn, min_size=2, max_size=3) as pool:
            manager = Manager(_queries(AsyncpgPoolDriver(pool)), QUEUE_SETTINGS.channel)
            for name, handler in self._handlers.items():
                manager.entrypoint(name, on_failure="hold", executor_factory=self._executor)(_adapted(handler))
            if self._is_stopping:
                return
            purge = asyncio.create_task(_purge_log(pool), name="jobs log purge")
            try:
                self._manager, self._pool = manager, pool
                await manager.run(
                    batch_size=self._concurrency_max // 2,
                    max_concurrent_tasks=self._concurrency_max,
                    heartbeat_timeout=self._heartbeat_timeout,
                    dequeue_timeout=self._heartbeat_timeout
                    / 2,  # also the interval at which jobs of dead processes are looked for
                    shutdown_on_listener_failure=True,
                )
            finally:
                purge.cancel()
                await asyncio.gather(purge, return_exceptions=True)

    def _executor(self, parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
        return _Executor(
            parameters,
            max_attempts=self._attempts_max - 1,
            initial_delay=self._first_delay,
            max_delay=_LONGEST_DELAY,
            on_given_up=self._on_given_up,
        )


async def _purge_log(pool: asyncpg.Pool) -> None:
    """The library writes a line for each step of each job and never deletes one."""
    while True:
        for table in (QUEUE_SETTINGS.qualified.queue_table_log, QUEUE_SETTINGS.qualified.statistics_table):
            with suppress(asyncpg.PostgresError, OSError):
                await pool.execute(f"DELETE FROM {table} WHERE created < now() - $1::interval", _LOG_KEPT)
        await asyncio.sleep(_LOG_PURGE_INTERVAL_S)


def _adapted(handler: Handler) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        await handler(_payload_of(job))

    return run


def _payload_of(job: Job) -> Mapping[str, Any]:
    payload: Mapping[str, Any] = json.loads(job.payload or b"{}")
    return payload

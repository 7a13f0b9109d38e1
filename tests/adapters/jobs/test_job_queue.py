"""Durable jobs against a real PostgreSQL: atomic with the transaction, at least once, and never lost by a kill -9."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import time
from typing import Any

import asyncpg
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.schema_ddl import render_install
from pgqueuer.core.listeners import PGNoticeEventListener, default_event_router, initialize_notice_event_listener
from pgqueuer.domain.errors import FailingListenerError

from cadenza.adapters.storage.jobs import QUEUE_SETTINGS, Handler, JobRunner, JobsSql, Manager, _queries

WORKER = Path(__file__).with_name("job_worker.py")
DEADLINE_S = 20.0


@pytest.fixture
async def connection(database_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_dsn)
    await connection.execute("CREATE TABLE effects (name text, note text)")
    yield connection
    await connection.close()


@asynccontextmanager
async def running(dsn: str, handlers: Mapping[str, Handler], **limits: Any) -> AsyncIterator[JobRunner]:
    runner = JobRunner(dsn, handlers, **limits)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110 - the condition lies in the database
            await asyncio.sleep(0.02)


class Recorder:
    """A handler that keeps what it was given, and fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.payloads: list[Mapping[str, Any]] = []
        self._failures = failures

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        self.payloads.append(payload)
        if len(self.payloads) <= self._failures:
            raise RuntimeError("not yet")

    async def reach(self, count: int) -> None:
        async def reached() -> bool:
            return len(self.payloads) >= count

        await until(reached)


async def queue_length(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM jobs.queue")


async def test_a_job_is_run_with_its_payload_and_leaves_the_queue(
    database_dsn: str, connection: asyncpg.Connection
) -> None:
    recorder = Recorder()
    async with running(database_dsn, {"greet": recorder}) as runner:
        await JobsSql(connection).enqueue("greet", {"name": "Ann", "list": [1, None]})
        await recorder.reach(1)

        async def is_empty() -> bool:
            return await queue_length(connection) == 0

        await until(is_empty)
        assert (await runner.health()).is_running
    assert recorder.payloads == [{"name": "Ann", "list": [1, None]}]


async def test_enqueue_is_part_of_the_transaction(database_dsn: str, connection: asyncpg.Connection) -> None:
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block's end is what is tried
        async with connection.transaction():
            await JobsSql(connection).enqueue("greet", {"name": "rolled back"})
            raise ZeroDivisionError
    async with connection.transaction():
        await connection.execute("INSERT INTO effects VALUES ('business', 'row')")
        await JobsSql(connection).enqueue("greet", {"name": "committed"})
    async with running(database_dsn, {"greet": recorder}):
        await recorder.reach(1)
    assert recorder.payloads == [{"name": "committed"}]


async def test_a_dedupe_key_waits_once_and_counts_per_name(connection: asyncpg.Connection) -> None:
    jobs = JobsSql(connection)
    async with connection.transaction():
        await jobs.enqueue("greet", {"n": 1}, dedupe_key="k")
        await jobs.enqueue("greet", {"n": 2}, dedupe_key="k")
        await jobs.enqueue("other", {"n": 3}, dedupe_key="k")
        await jobs.enqueue("greet", {"n": 4})
    assert await queue_length(connection) == 3


async def test_a_later_job_waits_for_its_time(database_dsn: str, connection: asyncpg.Connection) -> None:
    now_ms = int(time() * 1000)
    recorder = Recorder()
    await JobsSql(connection).enqueue("greet", {"when": "in an hour"}, run_at_ms=now_ms + 3_600_000)
    await JobsSql(connection).enqueue("greet", {"when": "past"}, run_at_ms=now_ms - 3_600_000)
    async with running(database_dsn, {"greet": recorder}) as runner:
        await recorder.reach(1)
        assert (await runner.health()).waiting == 0
    assert recorder.payloads == [{"when": "past"}]
    wait = await connection.fetchval("SELECT extract(epoch FROM execute_after - now())::int FROM jobs.queue")
    assert 3500 < wait <= 3600


async def test_a_failing_job_is_tried_again(database_dsn: str, connection: asyncpg.Connection) -> None:
    recorder = Recorder(failures=2)
    await JobsSql(connection).enqueue("greet", {})
    async with running(database_dsn, {"greet": recorder}, first_delay=timedelta(milliseconds=10)):
        await recorder.reach(3)
    assert await queue_length(connection) == 0


async def test_a_job_that_fails_for_good_is_kept_and_counted(database_dsn: str, connection: asyncpg.Connection) -> None:
    recorder = Recorder(failures=100)
    await JobsSql(connection).enqueue("greet", {"n": 1})
    given_up: list[tuple[str, Mapping[str, Any], str]] = []
    limits = {
        "attempts_max": 3,
        "first_delay": timedelta(milliseconds=10),
        "on_given_up": lambda name, payload, error: given_up.append((name, payload, type(error).__name__)),
    }
    async with running(database_dsn, {"greet": recorder}, **limits) as runner:

        async def has_failed() -> bool:
            return (await runner.health()).failed == 1

        await until(has_failed)
    assert len(recorder.payloads) == 3
    assert await queue_length(connection) == 1
    assert given_up == [("greet", {"n": 1}, "RuntimeError")]


async def test_at_most_so_many_run_at_once(database_dsn: str, connection: asyncpg.Connection) -> None:
    at_work, peak, done = 0, 0, 0
    gate = asyncio.Event()

    async def handler(payload: Mapping[str, Any]) -> None:
        nonlocal at_work, peak, done
        at_work += 1
        peak = max(peak, at_work)
        await gate.wait()
        at_work -= 1
        done += 1

    for number in range(10):
        await JobsSql(connection).enqueue("greet", {"n": number})
    async with running(database_dsn, {"greet": handler}, concurrency_max=4):

        async def is_full() -> bool:
            return at_work == 4

        await until(is_full)
        gate.set()

        async def is_done() -> bool:
            return done == 10

        await until(is_done)
    assert peak == 4


async def test_a_killed_process_loses_no_job(database_dsn: str, connection: asyncpg.Connection) -> None:
    await JobsSql(connection).enqueue("slow", {"order": 1})
    worker = await asyncio.create_subprocess_exec(sys.executable, str(WORKER), database_dsn)

    async def has_begun() -> bool:
        return await connection.fetchval("SELECT count(*) FROM effects WHERE note = 'begun'") == 1

    try:
        await until(has_begun)
    finally:
        worker.kill()
        await worker.wait()
    recorder = Recorder()
    async with running(database_dsn, {"slow": recorder}, heartbeat_timeout_s=1.0):
        await recorder.reach(1)
    assert recorder.payloads == [{"order": 1}]
    assert await queue_length(connection) == 0


async def test_a_long_job_of_a_living_process_is_not_taken_over(
    database_dsn: str, connection: asyncpg.Connection
) -> None:
    gate = asyncio.Event()
    begun = 0

    async def long(payload: Mapping[str, Any]) -> None:
        nonlocal begun
        begun += 1
        await gate.wait()

    async def beats() -> float:
        return await connection.fetchval("SELECT extract(epoch FROM heartbeat - created)::float8 FROM jobs.queue")

    await JobsSql(connection).enqueue("long", {})
    async with (
        running(database_dsn, {"long": long}, heartbeat_timeout_s=0.5),
        running(database_dsn, {"long": long}, heartbeat_timeout_s=0.5),
    ):

        async def has_outlived_the_timeout() -> bool:
            return await beats() > 1.5

        await until(has_outlived_the_timeout)
        gate.set()
    assert begun == 1


async def test_a_job_that_a_stop_does_not_wait_for_is_run_again(
    database_dsn: str, connection: asyncpg.Connection
) -> None:
    begun = asyncio.Event()

    async def stuck(payload: Mapping[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    await JobsSql(connection).enqueue("stuck", {"n": 1})
    runner = JobRunner(database_dsn, {"stuck": stuck})
    await runner.start()
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    await runner.stop(timeout_s=0.1)
    recorder = Recorder()
    async with running(database_dsn, {"stuck": recorder}, heartbeat_timeout_s=1.0):
        await recorder.reach(1)
    assert recorder.payloads == [{"n": 1}]


async def test_the_runner_survives_the_loss_of_its_connections(
    database_dsn: str, connection: asyncpg.Connection, postgres_dsn_base: str
) -> None:
    recorder = Recorder()
    async with running(database_dsn, {"greet": recorder}, heartbeat_timeout_s=1.0):
        await JobsSql(connection).enqueue("greet", {"n": 1})
        await recorder.reach(1)
        superuser = await asyncpg.connect(postgres_dsn_base)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2",
            await connection.fetchval("SELECT current_database()"),
            connection.get_server_pid(),
        )
        await superuser.close()
        await JobsSql(connection).enqueue("greet", {"n": 2})
        await recorder.reach(2)
    assert recorder.payloads[-1] == {"n": 2}


async def test_a_payload_over_the_limit_is_refused(connection: asyncpg.Connection) -> None:
    with pytest.raises(ValueError, match="at most"):
        await JobsSql(connection).enqueue("greet", {"text": "x" * 70_000})


async def test_the_migration_is_what_the_installed_library_declares(
    connection: asyncpg.Connection, empty_database_dsn: str
) -> None:
    """Both schemas described by the catalogue, column by column and index by index."""
    fresh = await asyncpg.connect(empty_database_dsn)
    await fresh.execute(render_install(QUEUE_SETTINGS))
    assert await _described(connection) == await _described(fresh)
    await fresh.close()


async def _described(connection: asyncpg.Connection) -> list[tuple[Any, ...]]:
    rows = await connection.fetch(
        """
        SELECT table_name::text, column_name::text, data_type::text, column_default::text, is_nullable::text
        FROM information_schema.columns WHERE table_schema = 'jobs'
        UNION ALL
        SELECT tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'jobs'
        UNION ALL
        SELECT proname, prosrc, NULL, NULL, NULL FROM pg_proc WHERE pronamespace = 'jobs'::regnamespace
        UNION ALL
        SELECT enumlabel::text, enumsortorder::text, NULL, NULL, NULL FROM pg_enum
        UNION ALL
        SELECT tgname::text, pg_get_triggerdef(oid), NULL, NULL, NULL FROM pg_trigger WHERE NOT tgisinternal
        """
    )
    return sorted(tuple(str(value) for value in row) for row in rows)


async def test_a_sign_of_life_asked_for_before_it_listens_is_asked_for_again(connection: asyncpg.Connection) -> None:
    """The library begins both at once; nothing answers what was asked too early."""
    driver = AsyncpgDriver(connection)
    manager = Manager(_queries(driver), QUEUE_SETTINGS.channel)
    was_asked = asyncio.Event()
    ask = manager.queries.notify_health_check

    async def asked(id: Any) -> None:
        await ask(id)
        was_asked.set()

    manager.queries.notify_health_check = asked  # type: ignore[method-assign]
    checking = asyncio.create_task(manager.listener_healthy(timedelta(seconds=1)))
    await was_asked.wait()
    router = default_event_router(
        notice_event_queue=PGNoticeEventListener(), canceled={}, pending_health_check=manager.pending_health_check
    )
    await initialize_notice_event_listener(driver, QUEUE_SETTINGS.channel, router)
    await checking


async def test_who_never_answers_is_dead(connection: asyncpg.Connection) -> None:
    manager = Manager(_queries(AsyncpgDriver(connection)), QUEUE_SETTINGS.channel)
    with pytest.raises(FailingListenerError):
        await manager.listener_healthy(timedelta(milliseconds=50))

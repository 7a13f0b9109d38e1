"""The tasks that a session runs by itself: one that fails must not leave a session that only looks alive."""

import asyncio
from collections.abc import Callable

import structlog


def watch(task: asyncio.Task[None], failed: Callable[[str], None]) -> None:
    """When the task ends with an error, log that with its traceback, and call `failed` with a cause for people. A task
    that returns or is cancelled has not failed. The tasks handle the errors that they expect by themselves, so one that
    comes here is a defect."""

    def look(ended: asyncio.Task[None]) -> None:
        if ended.cancelled() or (error := ended.exception()) is None:
            return
        name = type(error).__name__
        log = structlog.get_logger("cadenza.venue")
        log.error("session_task_failed", task=ended.get_name(), error=name, exc_info=error)
        failed(f"an error of our own: {name}")

    task.add_done_callback(look)

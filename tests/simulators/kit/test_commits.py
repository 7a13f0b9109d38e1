"""What changed goes to disk and then to the clients, also when the one who changed it has left."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cadenza.simulators.kit.commits import CommitLog


@dataclass
class Row:
    number: int


async def test_a_caller_that_leaves_does_not_keep_the_events_back(tmp_path: Path) -> None:
    log, published = CommitLog(tmp_path, Row, lambda: 5), []
    log.add(Row(1), [published.append])
    leaving = asyncio.create_task(log.commit())
    await asyncio.sleep(0)  # it has begun
    leaving.cancel()
    await log.commit()  # commits follow each other
    assert leaving.cancelled()
    assert published == [5]
    assert [row.number for row in log.rows()] == [1]
    log.close()

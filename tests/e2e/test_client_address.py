"""Whom a request comes from: the limits count by it, so nobody may choose it."""

import json
from uuid import uuid4

import aiohttp
import pytest

from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_nobody_is_believed_who_is_not_a_trusted_proxy(server: Serving) -> None:
    request_id = uuid4().hex
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Request-Id": request_id}
    async with aiohttp.ClientSession(headers=forged) as session, session.get(f"{server.url}/api/v3/health") as answer:
        assert answer.status == 200
    clients: list[str] = []

    async def is_logged() -> bool:
        lines = (json.loads(line) for line in server.log_file.read_text().splitlines() if request_id in line)
        clients[:] = [line["client"] for line in lines]
        return bool(clients)

    await eventually(is_logged)
    assert clients == ["127.0.0.1"]

"""Whom a request comes from: the limits count by it, so nobody may choose it."""

import json
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def client_seen_by(server: Serving) -> str:
    """Call the server as a proxy at 127.0.0.1 does for 203.0.113.9, and return whom it takes for its client."""
    request_id = uuid4().hex
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Request-Id": request_id}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{server.url}/api/v3/health") as answer:
        assert answer.status == 200
    clients: list[str] = []

    async def is_logged() -> bool:
        lines = (json.loads(line) for line in server.log_file.read_text().splitlines() if request_id in line)
        clients[:] = [line["client"] for line in lines]
        return bool(clients)

    await eventually(is_logged)
    [client] = clients
    return client


async def test_nobody_is_believed_who_is_not_a_trusted_proxy(server: Serving) -> None:
    assert await client_seen_by(server) == "127.0.0.1"


async def test_a_trusted_proxy_names_its_client_and_a_web_page_of_an_allowed_origin_may_call(tmp_path: Path) -> None:
    allowed = "https://desk.example.com"
    server = await Serving.start(tmp_path / "data", HTTP_TRUSTED_PROXIES="127.0.0.0/8", HTTP_CORS_ORIGINS=allowed)
    try:
        assert await client_seen_by(server) == "203.0.113.9"
        for origin, answered in ((allowed, allowed), ("https://elsewhere.example.com", None)):
            headers = {"Origin": origin}
            async with aiohttp.ClientSession(headers=headers) as session:
                answer = await session.get(f"{server.url}/api/v3/health")
                assert answer.headers.get("Access-Control-Allow-Origin") == answered
    finally:
        await server.kill()

"""A request that the server stops waiting for is answered as any other, and then ends as cancelled."""

import asyncio
import json
from typing import Any

import pytest
from tests.adapters.http import http_world as w
from tests.contract.checker import Answer, check_answer

ORDERS = "/api/v3/tradeOrder/list"


class Hangs:
    """A use case that does not come to an end."""

    def __init__(self) -> None:
        self.is_called = asyncio.Event()

    async def __call__(self, *args: Any) -> None:
        self.is_called.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("more", [{}, {"origin": "https://desk.example"}], ids=["shortcut", "framework"])
async def test_a_request_that_is_cut_off_gets_the_envelope_and_its_request_id(more: dict[str, str]) -> None:
    world, hangs = w.make_world(), Hangs()
    object.__setattr__(world.use_cases, "list_orders", hangs)
    headers = {"authorization": f"Bearer {w.TOKEN}", "x-request-id": "req-1", **more}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": ORDERS, "raw_path": ORDERS.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.5", 50000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asking = asyncio.ensure_future(world.app(scope, receive, send))  # type: ignore[arg-type]
    await hangs.is_called.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    reply = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    answer = Answer(sent[0]["status"], reply, json.loads(b"".join(message["body"] for message in sent[1:])))
    check_answer("GET", ORDERS, answer)
    assert (answer.status, answer.code) == (500, "STOPPING")
    assert answer.body["details"]["request_id"] == reply["x-request-id"] == "req-1"
    assert int(reply["retry-after"]) >= 1

"""What we answer Centrifugo: as our own socket would, and nobody else at all."""

import json
from typing import Any

import pytest
from tests.adapters.http import http_world as h
from tests.adapters.realtime import realtime_world as w
from tests.adapters.realtime.realtime_world import World

from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.realtime.feeds import Feeds
from cadenza.adapters.realtime.gate import Gate
from cadenza.adapters.realtime.proxy import PATH, PORTFOLIO_DELAY_MS, SUBSCRIPTION_LIFE_S, Proxy
from cadenza.adapters.realtime.rpc import Rpcs
from cadenza.domain.errors import DatabaseUnavailable, InvalidToken
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.ids import SessionId, TradingAccountId

SECRET = "s" * 64
SOON_S = h.NOW_MS // 1000 + SUBSCRIPTION_LIFE_S
SESSION = str(h.ACTOR.session_id)


class Audience:
    """Remembers who is expected."""

    def __init__(self) -> None:
        self.expected: list[str] = []
        self.resumed: list[str] = []
        self.answers = True

    def expect(self, channel: str) -> None:
        self.expected.append(channel)

    async def resume(self, channel: str, notice: bytes) -> bool:
        assert json.loads(notice)["type"] == "event.trade.interrupted"
        self.resumed.append(channel)
        return self.answers


class Asker:
    """Centrifugo, as the proxy sees it."""

    def __init__(self) -> None:
        self.world = World()
        self.audience = Audience()
        self.portfolio_requests: list[tuple[TradingAccountId, int]] = []
        self.sessions: dict[SessionId, Actor] = {h.ACTOR.session_id: h.ACTOR}
        world = self.world
        self.proxy = Proxy(
            secret=SECRET,
            gate=Gate(
                authenticate=world._authenticate,
                may_see_account=world._may_see_account,
                instrument_exists=lambda actor, id: id == h.BTC_USDT,
            ),
            session_actor=self._session,
            feeds=Feeds(hold=world._hold, release=world._release),
            rpcs=Rpcs(lambda: world.use_cases.use_cases),
            audience=self.audience,
            read_book=lambda id, depth: world.book,
            request_portfolio=self._request_portfolio,
            clock=world.clock,
        )
        limits = HttpLimits(flood_exempt=frozenset({f"{PATH}/rpc"}))
        self.http = h.make_world(limits, more_routes=self.proxy.routes())

    async def post(self, name: str, body: bytes, secret: str | None = SECRET) -> Any:
        headers = {"content-type": "application/json"} | ({} if secret is None else {"x-cadenza-proxy-secret": secret})
        return await h._call(self.http.app, "POST", f"{PATH}/{name}", b"", [body], headers, "127.0.0.1")

    async def ask(self, name: str, *, sid: str = SESSION, user: str = str(h.USER_ID), **more: Any) -> dict[str, Any]:
        asked = {"client": "c", "transport": "websocket", "protocol": "json", "encoding": "json", "user": user}
        answer = await self.post(name, json.dumps({**asked, "meta": {"sid": sid}, **more}).encode())
        assert answer.status == 200, answer.body
        reply: dict[str, Any] = answer.body
        return reply

    def _request_portfolio(self, account_id: TradingAccountId, *, delay_ms: int) -> None:
        self.portfolio_requests.append((account_id, delay_ms))

    async def _session(self, session_id: SessionId) -> Actor:
        if self.world.storage.is_down:
            raise DatabaseUnavailable("down")
        if session_id not in self.sessions:
            raise InvalidToken("ended")
        return self.sessions[session_id]


@pytest.fixture
def asker() -> Asker:
    return Asker()


@pytest.mark.parametrize("secret", [None, "", "t" * 64, SECRET + "s", "ü"])
@pytest.mark.parametrize("name", ["connect", "refresh", "subscribe", "sub_refresh", "rpc"])
async def test_nobody_else_is_answered(asker: Asker, name: str, secret: str | None) -> None:
    answer = await asker.post(name, b"not looked at", secret)
    assert answer.status == 403
    assert answer.body["details"]["code"] == "INSUFFICIENT_SCOPE"
    assert (answer.body["success"], answer.body["errno"]) == (False, -50006)
    assert asker.proxy.questions_total == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"user": 1}', b'{"meta": {}}', b"\xff"])
async def test_what_is_no_question_is_refused(asker: Asker, body: bytes) -> None:
    assert (await asker.post("rpc", body)).status == 400


async def test_connect_takes_a_token_from_the_data(asker: Asker) -> None:
    reply = await asker.ask("connect", data={"token": asker.world.token})
    expire_at = (h.NOW_MS + w.TOKEN_LIFE_MS) // 1000
    assert reply == {"result": {"user": str(h.USER_ID), "expire_at": expire_at, "meta": {"sid": SESSION}}}
    for data in ({"token": "bad"}, {}, 7, {"token": 7}):
        reply = await asker.ask("connect", data=data)
        assert reply == {"disconnect": {"code": 3500, "reason": "invalid token"}}
    stale = asker.world.issue(life_ms=0)
    reply = await asker.ask("connect", data={"token": stale})
    assert reply["error"] == {"code": 109, "message": "token expired", "temporary": False}


async def test_an_account_is_for_those_who_may_see_it(asker: Asker) -> None:
    assert await asker.ask("subscribe", channel=w.ACCOUNT) == {"result": {"expire_at": SOON_S}}
    assert (await asker.ask("subscribe", channel=w.FOREIGN))["error"]["code"] == 102
    assert asker.audience.expected == [w.ACCOUNT], "it is published to before its subscriber is let in"
    assert asker.portfolio_requests == [(w.ACCOUNT_ID, PORTFOLIO_DELAY_MS)]


async def test_channels_that_had_subscribers_already_get_their_portfolios_at_once(asker: Asker) -> None:
    asker.proxy.catch_up([w.BOOK, w.ACCOUNT, w.TRADE])
    assert asker.portfolio_requests == [(w.ACCOUNT_ID, 0)]
    assert (await asker.ask("subscribe", channel="nothing:such"))["error"]["code"] == 102
    asker.sessions[h.ACTOR.session_id] = Actor(
        **{name: getattr(h.ACTOR, name) for name in h.ACTOR.__slots__} | {"scopes": frozenset[Scope]()}
    )
    assert (await asker.ask("subscribe", channel=w.ACCOUNT))["error"]["code"] == 103
    assert await asker.ask("sub_refresh", channel=w.ACCOUNT) == {"result": {"expired": True}}


async def test_a_book_comes_with_the_subscription_and_its_feed_is_held(asker: Asker) -> None:
    assert await asker.ask("subscribe", channel=w.BOOK) == {"result": {"expire_at": SOON_S}}
    asker.world.change_book()
    reply = (await asker.ask("subscribe", channel=w.BOOK_LOWER))["result"]
    assert reply["data"]["data"]["bids"] == [["64000", "1"]]
    assert asker.audience.expected == [w.BOOK, w.BOOK_LOWER]
    assert asker.world.held == {h.BTC_USDT}
    await asker.proxy.keep([w.BOOK])
    assert asker.world.held == {h.BTC_USDT}
    await asker.proxy.keep([])
    assert asker.world.held == set()


async def test_trades_are_resumed_or_refused_for_now(asker: Asker) -> None:
    assert await asker.ask("subscribe", channel=w.TRADE) == {"result": {"expire_at": SOON_S}}
    asker.audience.answers = False
    assert (await asker.ask("subscribe", channel=w.TRADE))["error"]["temporary"] is True
    assert asker.audience.resumed == [w.TRADE, w.TRADE]


async def test_an_rpc_is_that_of_our_own_socket(asker: Asker) -> None:
    reply = await asker.ask("rpc", method="query.venue.list", data={})
    assert reply == {"result": {"data": {"data": ["PAPER"]}}}
    assert (await asker.ask("rpc", method="no.such", data={}))["error"]["code"] == 104
    failed = await asker.ask("rpc", method="query.trade_order.get", data={"tradeOrderId": "no id"})
    assert failed["result"]["data"]["error"]["code"] < 0


async def test_a_session_that_has_ended_is_refused_everywhere(asker: Asker) -> None:
    assert await asker.ask("refresh") == {"result": {"expire_at": SOON_S}}
    assert await asker.ask("sub_refresh", channel=w.ACCOUNT) == {"result": {"expire_at": SOON_S}}
    asker.sessions.clear()
    gone = {"disconnect": {"code": 3500, "reason": "invalid token"}}
    assert await asker.ask("subscribe", channel=w.ACCOUNT) == gone
    assert await asker.ask("rpc", method="query.venue.list", data={}) == gone
    assert await asker.ask("refresh") == {"result": {"expired": True}}
    assert await asker.ask("sub_refresh", channel=w.ACCOUNT) == {"result": {"expired": True}}


async def test_a_connection_without_a_session_or_of_another_user_is_closed(asker: Asker) -> None:
    gone = {"disconnect": {"code": 3500, "reason": "invalid token"}}
    assert await asker.ask("rpc", method="query.venue.list", sid="no id") == gone
    assert await asker.ask("rpc", method="query.venue.list", meta=None) == gone
    assert await asker.ask("rpc", method="query.venue.list", user=str(h.uuid(9))) == gone


async def test_a_house_that_cannot_tell_now_is_asked_again(asker: Asker) -> None:
    asker.world.storage.is_down = True
    for name in ("refresh", "sub_refresh", "subscribe", "rpc"):
        reply = await asker.ask(name, channel=w.ACCOUNT, method="query.venue.list")
        assert reply["error"] == {"code": 100, "message": "internal server error", "temporary": True}


async def test_the_flood_limit_of_an_address_is_not_for_one_that_speaks_for_many(asker: Asker) -> None:
    asker.http.flood.full.add("address:127.0.0.1")
    assert (await asker.post("refresh", b"{}")).status == 429
    assert (await asker.ask("rpc", method="query.venue.list"))["result"]

"""A node behind uvicorn's own HTTP protocol on a loopback port; account log, market and sessions are in memory."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal as D
from ipaddress import ip_network
from typing import Any

import uvicorn
from tests.adapters.http import http_world as h
from tests.adapters.realtime.raw_client import RawClient
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.node import Node
from cadenza.domain.accounts.trading_account import TradingAccount
from cadenza.domain.errors import DatabaseUnavailable, InvalidToken, TokenExpired
from cadenza.domain.identity.actor import Actor
from cadenza.domain.identity.origin import VENUE
from cadenza.domain.ids import InstrumentId, TenantId, TradingAccountId, UserId
from cadenza.domain.market.book_messages import BookSnapshot, MarketTrade
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.events import AccountEvent, OrderUpdated
from cadenza.runtime.local import AsyncioConcurrency, SystemIds

ACCOUNT_ID = h.ACCOUNT_ID
FOREIGN_ACCOUNT_ID = TradingAccountId(h.uuid(77))
ACCOUNT = f"tradingAccount:{ACCOUNT_ID}"
FOREIGN = f"tradingAccount:{FOREIGN_ACCOUNT_ID}"
BOOK = f"market:orderBook:{h.BTC_USDT}"
BOOK_LOWER = f"market:orderbook:{h.BTC_USDT}"
TRADE = f"market:trade:{h.BTC_USDT}"
TOKEN_LIFE_MS = 3_600_000
WAIT_S = 60


class Clock:
    """Stands still unless a test moves it; whoever sleeps looks again soon, so that the loops of the node see it."""

    def __init__(self) -> None:
        self.at_ms = h.NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms - h.NOW_MS + 1_000_000

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(0.002)

    def advance(self, duration_ms: int) -> None:
        self.at_ms += duration_ms


class Storage:
    """The two rooms that the node reads: accounts and their logs. `before_read` lets a test meddle with a read."""

    def __init__(self) -> None:
        self.epoch_id = "installation-1"
        self.accounts_by_id: dict[TradingAccountId, TradingAccount] = {
            ACCOUNT_ID: h.ACCOUNT,
            FOREIGN_ACCOUNT_ID: replace(h.ACCOUNT, id=FOREIGN_ACCOUNT_ID, tenant_id=TenantId(h.uuid(78))),
        }
        self.logs: dict[TradingAccountId, list[AccountEvent]] = {id: [] for id in self.accounts_by_id}
        self.is_down = False
        self.reads_total = 0
        self.pause: Callable[[], Any] | None = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator["Storage"]:
        if self.is_down:
            raise DatabaseUnavailable("down")
        self.reads_total += 1
        if self.pause is not None:
            await self.pause()
        yield self

    def begin(self) -> Any:
        raise NotImplementedError

    @property
    def accounts(self) -> "Storage":
        return self

    @property
    def events(self) -> "Storage":
        return self

    async def get(self, account_id: TradingAccountId) -> TradingAccount | None:
        await asyncio.sleep(0)
        return self.accounts_by_id.get(account_id)

    async def epoch(self) -> str:
        await asyncio.sleep(0)
        return self.epoch_id

    async def after(self, account_id: TradingAccountId, sequence: int, limit: int) -> Sequence[AccountEvent]:
        await asyncio.sleep(0)
        return self.logs[account_id][sequence : sequence + limit]


class World:
    """One server process's worth. `restart` gives a new node over the same storage, on the same port."""

    def __init__(self, limits: RealtimeLimits | None = None) -> None:
        self.limits = limits or RealtimeLimits()
        self.clock = Clock()
        self.storage = Storage()
        self.use_cases = h.make_world()
        self.actors: dict[str, Actor] = {}
        self.addresses: set[str] = set()
        self.held: set[InstrumentId] = set()
        self.book: BookSnapshot | None = None
        self.sequence = 0
        self.portfolio_requests: list[TradingAccountId] = []
        self.token = self.issue()
        self.port = 0
        self.send_buffer_bytes: int | None = None

    # --- life

    async def start(self) -> None:
        self.concurrency = AsyncioConcurrency()
        self.state = ServerState()
        self.node = Node(
            authenticate=self._authenticate,
            may_see_account=self._may_see_account,
            instrument_exists=lambda actor, id: id == h.BTC_USDT,
            hold_feed=self._hold,
            release_feed=self._release,
            read_book=lambda id, depth: self.book,
            request_portfolio=self.portfolio_requests.append,
            use_cases=lambda: self.use_cases.use_cases,
            trusted_proxies=(ip_network("127.0.0.0/8"),),
            storage=self.storage,
            clock=self.clock,
            ids=SystemIds(),
            concurrency=self.concurrency,
            limits=self.limits,
        )
        config = uvicorn.Config(_not_found, ws=self.node.protocol_class(), log_config=None, access_log=False)
        config.load()
        listener = socket.create_server(("127.0.0.1", self.port))
        if self.send_buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer_bytes)
        self.server = await asyncio.get_running_loop().create_server(
            lambda: HttpToolsProtocol(config=config, server_state=self.state, app_state={}), sock=listener
        )
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As uvicorn and the house do it."""
        self.server.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        await self.node.shutdown()
        self.clock.advance(self.limits.close_timeout_ms + 1_000)
        assert await self.concurrency.drain(5_000) == 0, "tasks are left"
        assert self.concurrency.failures_total == 0

    async def kill(self) -> None:
        """End without a goodbye."""
        self.server.close()
        for connection in list(self.state.connections):
            connection._wire.abort()
        await self.until(lambda: not self.state.connections)
        await self.stop()

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def until(self, is_true: Callable[[], Any]) -> None:
        """Wait on a condition."""

        async def wait() -> None:
            while not is_true():  # noqa: ASYNC110 - conditions of many kinds, polled
                await asyncio.sleep(0.001)

        await asyncio.wait_for(wait(), WAIT_S)

    # --- clients

    def issue(self, *, life_ms: int = TOKEN_LIFE_MS, user: int = 2, **changes: Any) -> str:
        """Return a new token."""
        token = f"token-{len(self.actors) + 1}"
        self.actors[token] = replace(
            h.ACTOR, user_id=UserId(h.uuid(user)), expires_at_ms=self.clock.now_ms() + life_ms, **changes
        )
        return token

    def revoke(self, token: str) -> None:
        del self.actors[token]

    async def raw(self, **more: Any) -> RawClient:
        return await RawClient.open(self.port, **more)

    async def client(self, token: str | None = None, **more: Any) -> RawClient:
        """Return a connected client."""
        client = await self.raw(**more)
        await client.connect(token or self.token)
        return client

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    # --- what happens in the house

    def append(self, count: int = 1, *, account_id: TradingAccountId = ACCOUNT_ID) -> list[AccountEvent]:
        """Write to an account's log; `publish` tells the node."""
        made = []
        for _ in range(count):
            account = self.storage.accounts_by_id[account_id]
            sequence = account.last_sequence + 1
            self.storage.accounts_by_id[account_id] = replace(account, last_sequence=sequence)
            order = replace(h.ORDER, account_id=account_id, asked_quantity=D(sequence))
            event = AccountEvent(
                account_id=account_id,
                tenant_id=account.tenant_id,
                sequence=sequence,
                at_ms=self.clock.now_ms(),
                body=OrderUpdated.of(order, order.executions),
                origin=VENUE,
            )
            self.storage.logs[account_id].append(event)
            made.append(event)
        return made

    def publish(self, count: int = 1) -> None:
        """Commit events and publish them, as the committer does."""
        self.node.account_events(self.append(count))

    def publish_portfolio(self, number: int = 1, *, account_id: TradingAccountId = ACCOUNT_ID) -> None:
        """Publish a view of the account's portfolio, with a number in it that `number_of` reads."""
        account = self.storage.accounts_by_id[account_id]
        self.node.portfolio(replace(h.PORTFOLIO, account=account, updated_at_ms=number))

    def answer_portfolio_requests(self) -> None:
        """Publish a view with the log's length as its number if one was requested, as the next tick would."""
        if self.portfolio_requests:
            assert set(self.portfolio_requests) == {ACCOUNT_ID}
            self.portfolio_requests.clear()
            self.publish_portfolio(len(self.storage.logs[ACCOUNT_ID]))

    def trade(self, count: int = 1) -> None:
        for _ in range(count):
            self.sequence += 1
            self.node.trade(
                MarketTrade(
                    instrument_id=h.BTC_USDT,
                    trade_id=f"t{self.sequence}",
                    price=D("64250.5"),
                    quantity=D("0.01"),
                    aggressor=Side.BUY,
                    at_ms=self.clock.now_ms(),
                )
            )

    def change_book(self, *, levels: int = 1) -> BookSnapshot:
        self.sequence += 1
        self.book = BookSnapshot(
            instrument_id=h.BTC_USDT,
            bids=tuple((D(64000 - n), D(self.sequence)) for n in range(levels)),
            asks=tuple((D(64001 + n), D(1)) for n in range(levels)),
            sequence=self.sequence,
            at_ms=self.clock.now_ms() + self.sequence,
        )
        return self.book

    def publish_book(self, *, levels: int = 1) -> None:
        self.node.order_book(self.change_book(levels=levels))

    # --- what the node asks

    async def _authenticate(self, token: str, client: str) -> Actor:
        self.addresses.add(client)
        if self.storage.is_down:
            raise DatabaseUnavailable("down")
        actor = self.actors.get(token)
        if actor is None:
            raise InvalidToken("unknown")
        if actor.expires_at_ms <= self.clock.now_ms():
            raise TokenExpired("expired")
        return actor

    async def _may_see_account(self, actor: Actor, account_id: TradingAccountId) -> bool:
        async with self.storage.read() as uow:
            account = await uow.accounts.get(account_id)
        return account is not None and account.tenant_id == actor.tenant_id

    async def _hold(self, instrument_id: InstrumentId) -> None:
        self.held.add(instrument_id)

    async def _release(self, instrument_id: InstrumentId) -> None:
        self.held.discard(instrument_id)


def quantity_of(publication: dict[str, Any]) -> int:
    """The sequence that `World.append` has put into an order."""
    return int(publication["data"]["data"]["quantity"])


def number_of(publication: dict[str, Any]) -> int:
    """The number that `World.publish_portfolio` has put into a view."""
    assert publication["data"]["type"] == "event.portfolio.updated"
    return int(publication["data"]["data"]["updatedAt"])


async def _not_found(scope: Any, receive: Any, send: Any) -> None:
    body = json.dumps({"path": scope["path"]}).encode()
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

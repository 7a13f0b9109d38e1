"""The official clients, unchanged, as their users see them: what both show has one form here."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from centrifuge import (
    Client,
    ClientDisconnectedError,
    ClientEventHandler,
    DeltaType,
    ReplyError,
    StreamPosition,
    Subscription,
    SubscriptionEventHandler,
    UnauthorizedError,
)
from tests.adapters.realtime.test_official_javascript import NODE_DIR

WAIT_S = 20
MIN_DELAY_S, MAX_DELAY_S = 0.02, 0.05
TRANSPORT_CLOSED = 2
"""The error of an attempt to connect where nobody listens: clients try again."""
FROM_HERE_MAX = 99
"""Codes up to here are the client's own, later ones the server's."""

Event = tuple[Any, ...]
"""Its name, and what came with it: (code, reason), or one of the values below."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a `subscribed` event says."""

    offset: int
    epoch: str
    was_recovering: bool = False
    recovered: bool = False
    recoverable: bool = True
    positioned: bool = True
    data: Any = None


@dataclass(frozen=True, slots=True)
class Pub:
    """A publication with an offset."""

    offset: int
    data: Any


class Refused(Exception):
    """A call that was refused by the server, or with a code of its own by the client."""

    def __init__(self, code: int, message: str = "", *, temporary: bool = False) -> None:
        super().__init__(code, message, temporary)
        self.code, self.message, self.temporary = code, message, temporary


class NoToken(Exception):
    """There is no token to be had: raised by `get_token`."""


GetToken = Callable[[], Awaitable[str]]
GetState = Callable[[], Awaitable[dict[str, Any]]]


class Official(ABC):
    """One client. What happens is kept in order, for the client (`""`) and for each channel.

    Joins and leaves stand apart, under `arrivals_of(channel)`. Portfolios are left out, and so are attempts to connect
    where nobody listens.
    """

    name: str

    def __init__(self, url: str, *, get_token: GetToken | None = None, **options: Any) -> None:
        self.url = url
        self.options = options
        self._get_token = get_token
        self._events: defaultdict[str, asyncio.Queue[Event]] = defaultdict(asyncio.Queue)
        self.tokens_total = 0

    def happened(self, channel: str, *event: Any) -> None:
        if event != ("error", TRANSPORT_CLOSED):
            self._events[channel].put_nowait(event)

    async def next(self, channel: str = "") -> Event:
        return await asyncio.wait_for(self._events[channel].get(), WAIT_S)

    async def expect(self, *events: Event, channel: str = "") -> None:
        """Assert that exactly these come next."""
        for event in events:
            found = await self.next(channel)
            assert found == event, f"{found} instead of {event}"

    def has_more(self, channel: str = "") -> bool:
        """Whether anything happened that nobody has looked at yet."""
        return not self._events[channel].empty()

    async def publications(self, channel: str, count: int) -> list[Pub]:
        """Return the next events of the channel, which must be publications."""
        found = [await self.next(channel) for _ in range(count)]
        assert {name for name, *_ in found} <= {"publication"}, found
        return [pub for _, pub in found]

    async def token(self) -> str:
        assert self._get_token is not None
        self.tokens_total += 1
        return await self._get_token()

    @abstractmethod
    async def connect(self, token: str) -> None:
        """Begin to connect."""

    @abstractmethod
    async def connect_again(self) -> None:
        """Begin to connect after `disconnect`."""

    @abstractmethod
    async def disconnect(self) -> None: ...

    @abstractmethod
    async def listen(self, channel: str, *, get_state: GetState | None = None, **options: Any) -> None:
        """Make a subscription, and begin to subscribe. Options are spelled as in JavaScript."""

    @abstractmethod
    async def subscribe(self, channel: str) -> None: ...

    @abstractmethod
    async def unsubscribe(self, channel: str) -> None: ...

    @abstractmethod
    async def when_subscribed(self, channel: str, *acts: str) -> None:
        """Have the next `subscribed` handler of the channel do this."""

    @abstractmethod
    async def again(self, channel: str) -> None:
        """Unsubscribe and subscribe without a pause."""

    @abstractmethod
    async def call(self, name: str, *args: Any) -> Any:
        """Return the result as JavaScript shows it; raise `Refused`."""

    @abstractmethod
    async def end(self) -> None: ...


def arrivals_of(channel: str) -> str:
    """The name under which joins and leaves of a channel are kept."""
    return f"{channel} arrivals"


def _is_view(offset: int, data: Any) -> bool:
    return not offset and bool(data["type"] == "event.portfolio.updated")


# --- Python


class _ClientEvents(ClientEventHandler):
    def __init__(self, official: "PythonClient") -> None:
        self._official = official

    async def on_connecting(self, ctx: Any) -> None:
        self._official.happened("", "connecting", ctx.code, ctx.reason)

    async def on_connected(self, ctx: Any) -> None:
        self._official.happened("", "connected")

    async def on_disconnected(self, ctx: Any) -> None:
        self._official.happened("", "disconnected", ctx.code, ctx.reason)

    async def on_error(self, ctx: Any) -> None:
        self._official.happened("", "error", _code_of(ctx))


class _SubscriptionEvents(SubscriptionEventHandler):
    def __init__(self, official: "PythonClient", channel: str) -> None:
        self._official = official
        self._channel = channel
        self.acts: Sequence[str] = ()

    async def on_subscribing(self, ctx: Any) -> None:
        self._official.happened(self._channel, "subscribing", ctx.code, ctx.reason)

    async def on_subscribed(self, ctx: Any) -> None:
        position = ctx.stream_position or StreamPosition(0, "")
        flags = (ctx.was_recovering, ctx.recovered, ctx.recoverable, ctx.positioned)
        shown = Subscribed(position.offset, position.epoch, *flags, ctx.data)
        self._official.happened(self._channel, "subscribed", shown)
        acts, self.acts = self.acts, ()
        for act in acts:
            await self._official.act(act, self._channel)

    async def on_unsubscribed(self, ctx: Any) -> None:
        self._official.happened(self._channel, "unsubscribed", ctx.code, ctx.reason)

    async def on_publication(self, ctx: Any) -> None:
        if not _is_view(ctx.pub.offset, ctx.pub.data):
            self._official.happened(self._channel, "publication", Pub(ctx.pub.offset, ctx.pub.data))
        if self._official.at_publication is not None:
            await self._official.at_publication()

    async def on_join(self, ctx: Any) -> None:
        self._official.happened(arrivals_of(self._channel), "join", ctx.info.client, ctx.info.user)

    async def on_leave(self, ctx: Any) -> None:
        self._official.happened(arrivals_of(self._channel), "leave", ctx.info.client, ctx.info.user)

    async def on_error(self, ctx: Any) -> None:
        self._official.happened(self._channel, "error", _code_of(ctx))


def _code_of(ctx: Any) -> int:
    return int(ctx.error.code if isinstance(ctx.error, ReplyError) else ctx.code)


class PythonClient(Official):
    """`centrifuge-python`. `acts` has what a `subscribed` handler can do besides."""

    name = "python"

    def __init__(self, url: str, **more: Any) -> None:
        super().__init__(url, **more)
        self.acts: dict[str, Callable[[], Awaitable[None]]] = {}
        self.at_publication: Callable[[], Awaitable[None]] | None = None
        self._client: Client
        self._handlers: dict[str, _SubscriptionEvents] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, token: str) -> None:
        names = {"maxServerPingDelay": "max_server_ping_delay", "isBinary": "use_protobuf"}
        self._client = Client(
            self.url,
            _ClientEvents(self),
            token=token,
            get_token=None if self._get_token is None else self._fresh,
            min_reconnect_delay=MIN_DELAY_S,
            max_reconnect_delay=MAX_DELAY_S,
            **{names[key]: value for key, value in self.options.items()},
        )
        await self.connect_again()

    async def connect_again(self) -> None:
        task = asyncio.create_task(self._client.connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def disconnect(self) -> None:
        await self._client.disconnect()

    async def listen(self, channel: str, *, get_state: GetState | None = None, **options: Any) -> None:
        async def state(_: str) -> StreamPosition:
            assert get_state is not None
            self.happened(channel, "getState")
            return StreamPosition(**await get_state())

        given: dict[str, Any] = {"join_leave": options.pop("joinLeave", False)}
        if options.pop("delta", None):
            given["delta"] = DeltaType.FOSSIL
        if token := options.pop("token", None):
            given["token"] = token
        assert not options, "this client has no such option"
        handler = self._handlers[channel] = _SubscriptionEvents(self, channel)
        made = self._client.new_subscription(channel, handler, get_state=get_state and state, **given)
        await made.subscribe()

    async def subscribe(self, channel: str) -> None:
        await self._of(channel).subscribe()

    async def unsubscribe(self, channel: str) -> None:
        await self._of(channel).unsubscribe()

    async def when_subscribed(self, channel: str, *acts: str) -> None:
        self._handlers[channel].acts = acts

    async def again(self, channel: str) -> None:
        await self.unsubscribe(channel)
        await self.subscribe(channel)

    async def act(self, act: str, channel: str) -> None:
        if act in self.acts:
            await self.acts[act]()
        elif act == "disconnect":
            await self._client.disconnect()
        else:
            await getattr(self._of(channel), act)()

    async def call(self, name: str, *args: Any) -> Any:
        named = {"history": self._history, "presenceStats": self._client.presence_stats}
        method = named.get(name) or getattr(self._client, name)
        try:
            result = await method(*args)
        except ReplyError as error:
            raise Refused(error.code, error.message, temporary=error.temporary) from None
        except ClientDisconnectedError:
            raise Refused(0) from None
        return _as_javascript(name, result)

    async def end(self) -> None:
        await self._client.disconnect()

    async def _history(self, channel: str, options: Mapping[str, Any] = MappingProxyType({})) -> Any:
        since = options.get("since")
        position = None if since is None else StreamPosition(**since)
        return await self._client.history(channel, **{**options, "since": position})

    def _of(self, channel: str) -> Subscription:
        found = self._client.get_subscription(channel)
        assert found is not None
        return found

    async def _fresh(self) -> str:
        try:
            return await self.token()
        except NoToken:
            raise UnauthorizedError from None


def _as_javascript(name: str, result: Any) -> Any:
    if name == "rpc":
        return {"data": result.data}
    if name == "presence":
        return {"clients": {id: {"client": each.client, "user": each.user} for id, each in result.clients.items()}}
    if name == "presenceStats":
        return {"numClients": result.num_clients, "numUsers": result.num_users}
    assert name == "history"
    publications = [
        {"offset": each.offset, "data": each.data} | ({"tags": each.tags} if each.tags else {})
        for each in result.publications
    ]
    return {"offset": result.offset, "epoch": result.epoch, "publications": publications}


# --- JavaScript


class JavaScriptClient(Official):
    """`centrifuge` under Node, in a process of its own."""

    name = "javascript"

    def __init__(self, url: str, **more: Any) -> None:
        super().__init__(url, **more)
        self.process: asyncio.subprocess.Process
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._states: dict[str, GetState] = {}
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, token: str) -> None:
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            "node", "agent.mjs", cwd=NODE_DIR, stdin=pipe, stdout=pipe, limit=2**22
        )
        self._reader = asyncio.create_task(self._read())
        options = {**self.options}
        if "maxServerPingDelay" in options:
            options["maxServerPingDelay"] *= 1000
        is_binary = options.pop("isBinary", False)
        self.send(
            "connect",
            url=self.url,
            token=token,
            watches=["connecting", "subscribing"],
            isBinary=is_binary,
            isAsking=self._get_token is not None,
            options=options,
        )

    async def connect_again(self) -> None:
        self.send("connectAgain")

    async def disconnect(self) -> None:
        self.send("disconnect")

    async def listen(self, channel: str, *, get_state: GetState | None = None, **options: Any) -> None:
        if get_state is not None:
            self._states[channel] = get_state
        self.send("subscribe", channel=channel, options={**options, "isAskingForState": get_state is not None})

    async def subscribe(self, channel: str) -> None:
        self.send("subscribeAgain", channel=channel)

    async def unsubscribe(self, channel: str) -> None:
        self.send("unsubscribe", channel=channel)

    async def when_subscribed(self, channel: str, *acts: str) -> None:
        self.send("whenSubscribed", channel=channel, does=acts)

    async def again(self, channel: str) -> None:
        calls = [{"command": command, "channel": channel} for command in ("unsubscribe", "subscribeAgain")]
        self.send("batch", calls=calls)

    async def call(self, name: str, *args: Any) -> Any:
        (result,) = await self.call_in_one_frame((name, *args))
        return result

    async def call_in_one_frame(self, *calls: tuple[Any, ...]) -> list[Any]:
        """Return the results of calls whose commands go out in one frame."""
        batch: list[dict[str, Any]] = []
        for name, *args in calls:
            id = len(self._calls) + 1
            self._calls[id] = asyncio.get_running_loop().create_future()
            batch.append({"command": "call", "id": id, "name": name, "args": args})
        self.send("batch", calls=batch)
        async with asyncio.timeout(WAIT_S):
            return [await self._calls[each["id"]] for each in batch]

    async def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), WAIT_S)
        if self._reader is not None:
            await self._reader

    def send(self, command: str, **args: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"command": command, **args}).encode() + b"\n")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            facts: dict[str, Any] = json.loads(line)
            await self._take(facts.pop("event"), facts.pop("channel", ""), facts)

    async def _take(self, event: str, channel: str, facts: dict[str, Any]) -> None:
        match event:
            case "result":
                self._calls[facts["id"]].set_result(facts.get("result"))
            case "refused":
                temporary = facts.get("temporary", False)
                code = 0 if facts["code"] <= FROM_HERE_MAX else facts["code"]
                self._calls[facts["id"]].set_exception(Refused(code, facts["message"], temporary=temporary))
            case "getToken":
                try:
                    self.send("token", token=await self.token())
                except NoToken:
                    self.send("noToken")
            case "getState":
                self.happened(channel, "getState")
                self.send("position", position=await self._states[channel]())
            case "subscribed":
                self.happened(channel, event, _subscribed(facts))
            case "publication":
                if not _is_view(facts.get("offset", 0), facts["data"]):
                    self.happened(channel, event, Pub(facts["offset"], facts["data"]))
            case "join" | "leave":
                self.happened(arrivals_of(channel), event, facts["info"]["client"], facts["info"]["user"])
            case "error":
                self.happened(channel, event, facts["error"]["code"])
            case "connected":
                self.happened("", event)
            case _:
                self.happened(channel, event, facts["code"], facts["reason"])


def _subscribed(facts: dict[str, Any]) -> Subscribed:
    position = facts.get("streamPosition", {"offset": 0, "epoch": ""})
    flags = (facts["wasRecovering"], facts["recovered"], facts["recoverable"], facts["positioned"])
    return Subscribed(position["offset"], position["epoch"], *flags, facts.get("data"))

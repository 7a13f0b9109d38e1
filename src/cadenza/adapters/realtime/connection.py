"""One client: its life from the first frame to the last, and the order in which its commands are handled.

Commands are handled one after another, so a client may send a subscription and its end in one frame. Only RPCs run
beside them, and are answered as they end. A client that does not read its replies gets no more of them until it does.
"""

import asyncio
from collections import deque
from collections.abc import Collection

import structlog

from cadenza.adapters.realtime.codes import (
    BAD_COMMAND,
    CONNECTION_EXPIRED,
    INTERNAL,
    INVALID_TOKEN,
    NO_PONG,
    SERVER_UNSUBSCRIBE,
    SLOW,
    STALE,
    TOO_MANY_COMMANDS,
    TOO_MANY_REQUESTS,
    Closing,
    Disconnect,
    Refusal,
    Unsubscribed,
)
from cadenza.adapters.realtime.commands import (
    PING,
    ClientInfo,
    Command,
    MalformedFrame,
    decode_commands,
    error_reply,
    reply,
    unsubscribe_push,
)
from cadenza.adapters.realtime.handlers import HANDLERS, answer_rpc
from cadenza.adapters.realtime.rate import CommandRate
from cadenza.adapters.realtime.services import Services
from cadenza.adapters.realtime.subscriptions import Subscriptions
from cadenza.adapters.realtime.transport import Transport
from cadenza.adapters.realtime.writer import FRAME_BYTES_TARGET, Writer
from cadenza.domain.errors import Unavailable
from cadenza.domain.identity.actor import Actor
from cadenza.domain.ids import SessionId

log = structlog.get_logger(__name__)


class Connection:
    """One client. Law: after `close` or `on_lost` nothing is sent, and nothing of the client is kept.

    The transport calls `on_message`, `on_blocked`, `on_drained` and `on_lost`.
    """

    __slots__ = (
        "_commands",
        "_drained",
        "_expires_ms",
        "_is_working",
        "_ping_ms",
        "_pong_ms",
        "_rate",
        "_rpcs_in_flight",
        "_transport",
        "_visitor",
        "address",
        "client_id",
        "is_open",
        "services",
        "subscriptions",
        "token",
        "writer",
    )

    def __init__(self, transport: Transport, services: Services, address: str) -> None:
        self.services = services
        self.address = address
        self.client_id = str(services.ids.new())
        self.token = ""
        self.is_open = True
        self._transport = transport
        self._visitor: Actor | None = None
        self._commands: deque[Command] = deque()
        self._is_working = False
        self._drained: asyncio.Future[None] | None = None
        self._rpcs_in_flight = 0
        self._rate = CommandRate()
        limits = services.limits
        self.writer = Writer(
            transport, services.flusher, queue_bytes_max=limits.queue_bytes_max, on_overflow=self._on_overflow
        )
        self.subscriptions = Subscriptions(self, self.writer, services)
        now_ms = services.clock.monotonic_ms()
        self._ping_ms = now_ms + limits.connect_timeout_ms
        self._pong_ms: int | None = None
        self._expires_ms: int | None = None
        services.roster.add(self)
        services.counts.connections_total += 1
        services.timetable.put(self, self._ping_ms)

    @property
    def is_admitted(self) -> bool:
        """Whether the client has connected with a token."""
        return self._visitor is not None

    @property
    def actor(self) -> Actor:
        """The identity of the client. Only a client that was admitted has one."""
        assert self._visitor is not None
        return self._visitor

    @property
    def queued_bytes(self) -> int:
        """How much waits for the client."""
        return self.writer.queued_bytes

    @property
    def info(self) -> ClientInfo:
        """What other clients of the tenant may know."""
        return ClientInfo(user=str(self.actor.user_id), client=self.client_id)

    def wants_join_leave(self, name: str) -> bool:
        """Whether the client asked for joins and leaves of the channel."""
        return self.subscriptions.wants_join_leave(name)

    # --- what the transport calls

    def on_message(self, frame: bytes) -> None:
        """Take the commands of a frame."""
        if not self.is_open:
            return
        services, limits = self.services, self.services.limits
        services.counts.received_bytes_total += len(frame)
        try:
            commands = decode_commands(frame)
        except MalformedFrame:
            self.close(BAD_COMMAND)
            return
        services.counts.commands_total += len(commands)
        self._pong_ms = None
        if len(self._commands) + len(commands) > limits.commands_per_frame_max:
            self.close(TOO_MANY_COMMANDS)
            return
        if self.allow(len(commands)):
            self._commands.extend(command for command in commands if not command.is_pong)
            if self._commands and not self._is_working:
                self._is_working = True
                services.spawn("realtime commands", self._work())

    def allow(self, frames: int) -> bool:
        """Count commands, or frames that carry none. Too many close the connection (3013), and return False."""
        is_allowed = self._rate.allow(frames, self.services.clock.monotonic_ms(), self.services.limits)
        if not is_allowed:
            self.close(TOO_MANY_COMMANDS)
        return is_allowed

    def on_blocked(self) -> None:
        """Take note that the client does not read."""
        self.writer.block()

    def on_drained(self) -> None:
        """Take note that the client reads again."""
        if self.is_open:
            self.writer.unblock()
            self._go_on()

    def on_lost(self) -> None:
        """The wire has ended, or the client has said goodbye."""
        if self.is_open:
            self._end()
            self.services.counts.left_total += 1

    # --- life

    def admit(self, actor: Actor, token: str) -> None:
        """The client has shown its first token. Raises `Closing` when its user has too many connections."""
        self.services.roster.enter(actor.user_id)
        self._visitor = actor
        self._ping_ms = self.services.clock.monotonic_ms() + self.services.limits.ping_interval_ms
        self.renew(actor, token)

    def renew(self, actor: Actor, token: str) -> None:
        """The client has shown another token; the connection lives as long as that."""
        self._visitor, self.token = actor, token
        left_ms = actor.expires_at_ms - self.services.clock.now_ms()
        self._expires_ms = self.services.clock.monotonic_ms() + left_ms + self.services.limits.expiry_delay_ms
        self._sleep()

    @property
    def ttl_s(self) -> int:
        """Seconds until the token expires, at least 1: 0 would mean never to a client."""
        return max(1, (self.actor.expires_at_ms - self.services.clock.now_ms()) // 1000)

    def wake(self, now_ms: int) -> None:
        """Do what is due: ping the client, give it up, or close the connection because its token has expired."""
        if self._pong_ms is not None and now_ms >= self._pong_ms:
            self.close(NO_PONG)
        elif self._expires_ms is not None and now_ms >= self._expires_ms:
            self.close(CONNECTION_EXPIRED)
        elif now_ms >= self._ping_ms and not self.is_admitted:
            self.close(STALE)
        else:
            if now_ms >= self._ping_ms:
                self._ping_ms = now_ms + self.services.limits.ping_interval_ms
                self._pong_ms = now_ms + self.services.limits.pong_timeout_ms
                self.writer.append(PING)
            self._sleep()

    def end_session(self, session_ids: Collection[SessionId]) -> None:
        """End the connection if its session is one of those that have ended."""
        if self._visitor is not None and self._visitor.session_id in session_ids:
            self.close(INVALID_TOKEN)

    async def check_session(self) -> None:
        """Close the connection when its session has ended. Rights that have changed count from now on."""
        if not self.is_admitted:
            return
        token = self.token
        try:
            actor = await self.services.gate.admit(token)
        except Refusal:
            return  # the token expired, which `wake` handles, or the answer cannot be had now
        except Closing as closing:
            if self.token == token:
                self.close(closing.disconnect)
            return
        if self.is_open and self.token == token:  # no other token was shown meanwhile
            before, self._visitor = self.actor, actor
            if (actor.access, actor.scopes) != (before.access, before.scopes):
                await self.subscriptions.reconsider()

    def end_subscription(self, name: str, why: Unsubscribed = SERVER_UNSUBSCRIBE) -> None:
        """End a subscription, and notify the client."""
        if self.subscriptions.remove(name):
            self.services.counts.unsubscribes_total += 1
            self.send(unsubscribe_push(name, why))

    def close(self, why: Disconnect) -> None:
        """Close the connection. What waits is sent first, unless the client does not read."""
        if self.is_open:
            log.info("a client's connection is closed", client=self.client_id, code=why.code, reason=why.reason)
            self.writer.flush()
            self._end()
            self.services.counts.disconnects_total[why.code] += 1
            self._transport.close(why)

    def send(self, line: bytes) -> None:
        """Send one line, unless the connection is closed."""
        if self.is_open:
            self.writer.append(line)

    def _end(self) -> None:
        self.is_open = False
        services = self.services
        services.timetable.remove(self)
        services.roster.remove(self, None if self._visitor is None else self._visitor.user_id)
        self._commands.clear()
        self.writer.drop()
        self.subscriptions.clear()
        self._go_on()

    def _on_overflow(self) -> None:
        self.close(SLOW)

    def _sleep(self) -> None:
        due_ms = self._ping_ms if self._pong_ms is None else min(self._ping_ms, self._pong_ms)
        if self._expires_ms is not None:
            due_ms = min(due_ms, self._expires_ms)
        self.services.timetable.put(self, due_ms)

    # --- commands

    async def _work(self) -> None:
        try:
            while self._commands:
                await self._handle(self._commands.popleft())
                if self.writer.queued_bytes > FRAME_BYTES_TARGET:
                    await self._wait_until_read()
        finally:
            self._is_working = False

    async def _wait_until_read(self) -> None:
        """Write the replies, let others have their turn, and wait while the client does not read."""
        self.writer.flush()
        await asyncio.sleep(0)
        while self.is_open and self.writer.is_blocked:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def _go_on(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def _handle(self, command: Command) -> None:
        """Handle one command. A defect of ours is answered with error 100 here, and the connection goes on."""
        try:
            method = self._method_of(command)
            if method == "rpc":
                self._start_rpc(command)
                return
            result = await HANDLERS[method](self, command)
            if result is not None:
                self.send(reply(command.id, method, result))
        except Refusal as refusal:
            self.send(error_reply(command.id, refusal.error))
        except Closing as closing:
            self.close(closing.disconnect)
        except Unavailable:
            self.send(error_reply(command.id, INTERNAL))
        except Exception:  # where every command ends: a defect is logged and answered
            log.exception("a command failed", client=self.client_id)
            self.send(error_reply(command.id, INTERNAL))

    def _method_of(self, command: Command) -> str:
        """Return the command's one request; raise `Closing` (3501) for a command that the protocol does not allow."""
        methods = command.methods
        if len(methods) != 1 or (command.id == 0 and methods != ["send"]):
            raise Closing(BAD_COMMAND)
        if (methods[0] == "connect") == self.is_admitted:
            raise Closing(BAD_COMMAND)
        return methods[0]

    def _start_rpc(self, command: Command) -> None:
        if self._rpcs_in_flight >= self.services.limits.rpcs_in_flight_max:
            raise Refusal(TOO_MANY_REQUESTS)
        self._rpcs_in_flight += 1
        self.services.spawn("realtime rpc", self._rpc(command))

    async def _rpc(self, command: Command) -> None:
        """Answer an RPC. It runs to its end although the client leaves: an order is not submitted by half."""
        try:
            self.send(reply(command.id, "rpc", await answer_rpc(self, command)))
        except Refusal as refusal:
            self.send(error_reply(command.id, refusal.error))
        except Closing as closing:
            self.close(closing.disconnect)
        except Unavailable:
            self.send(error_reply(command.id, INTERNAL))
        except Exception:  # where every RPC ends: a defect is logged and answered
            log.exception("an RPC failed", client=self.client_id, method=command.rpc.method if command.rpc else "")
            self.send(error_reply(command.id, INTERNAL))
        finally:
            self._rpcs_in_flight -= 1

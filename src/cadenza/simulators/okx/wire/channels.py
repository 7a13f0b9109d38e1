"""Which channels there are, on which socket, and who may listen to them."""

from __future__ import annotations

from cadenza.simulators.okx.instruments import INSTRUMENT_TYPES
from cadenza.simulators.okx.private_feeds import (
    ACCOUNT,
    BOTH,
    BUSINESS_CHANNELS,
    CONNECTIONS_PER_CHANNEL_MAX,
    PRIVATE_CHANNELS,
)
from cadenza.simulators.okx.public.feeds import (
    INSTRUMENT_CHANNELS,
    INSTRUMENTS_CHANNEL,
    STATUS,
    VIP_CHANNELS,
)
from cadenza.simulators.okx.venue import OkxVenue
from cadenza.simulators.okx.wire.params import as_text
from cadenza.simulators.okx.wire.session import ChannelArg, SimulatedSession, channel_key

FILLS = "fills"
_UNTYPED = (ACCOUNT, BOTH)


class ChannelError(Exception):
    """A channel that the client cannot listen to."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def frame_arg(arg: dict[str, object]) -> ChannelArg:
    """Return a channel with its filters as texts; `extraParams` is no filter."""
    return {name: as_text(value) for name, value in arg.items() if name != "extraParams"}


class OkxSubscriptions:
    def __init__(self, venue: OkxVenue) -> None:
        self._venue = venue

    def subscribe(self, session: SimulatedSession, arg: ChannelArg, id: object) -> None:
        """Add a channel: its acknowledgement goes out first, then what the channel begins with. One that the client has
        is acknowledged again. Raises `ChannelError`."""
        channel = arg.get("channel", "")
        is_private = self._check(session, arg)
        if is_private and self._is_crowded(session, channel):
            return
        session.send_frame(self._acknowledged("subscribe", session, arg, id))
        if channel_key(arg) in session.channels:
            return
        now_ms = self._venue.now_ms()
        session.channels[channel_key(arg)] = arg
        if not is_private:
            first = self._venue.public.subscribe(session, arg, now_ms)
        else:
            assert session.account is not None
            count = {"event": "channel-conn-count", "channel": channel, "connId": session.connection_id}
            connections = self._venue.private.connections(session.account, channel)
            session.send_frame(count | {"connCount": str(connections)})
            first = self._venue.private.snapshot(session.account, arg, now_ms)
        if first is not None:
            session.send_frame(first)

    def unsubscribe(self, session: SimulatedSession, arg: ChannelArg, id: object) -> None:
        if session.channels.pop(channel_key(arg), None) is not None and not _is_private(arg.get("channel", "")):
            self._venue.public.unsubscribe(session, arg)
        session.send_frame(self._acknowledged("unsubscribe", session, arg, id))

    def leave(self, session: SimulatedSession) -> None:
        self._venue.public.leave(session)
        self._venue.private.leave(session)

    def _check(self, session: SimulatedSession, arg: ChannelArg) -> bool:
        """Return whether a channel is a private one."""
        channel = arg.get("channel", "")
        if channel in (*VIP_CHANNELS, FILLS):
            if session.key is None and channel == FILLS:
                raise ChannelError("60011", "Please log in")
            raise ChannelError("64003", "Your trading fee tier does not meet the requirement to access this channel")
        if not _is_private(channel):
            self._check_public(session, arg)
            return False
        if session.path != ("business" if channel in BUSINESS_CHANNELS else "private"):
            raise _missing(arg)
        if session.account is None:
            raise ChannelError("60011", "Please log in")
        if channel not in _UNTYPED and arg.get("instType") not in (*INSTRUMENT_TYPES, "ANY"):
            raise ChannelError("60013", "Invalid args")
        return True

    def _is_crowded(self, session: SimulatedSession, channel: str) -> bool:
        """Whether a channel has all the sockets that an account may have. Then an event of its own says so."""
        assert session.account is not None
        others = self._venue.private.connections(session.account, channel)
        if others < CONNECTIONS_PER_CHANNEL_MAX:
            return False
        count = {"channel": channel, "connCount": str(others), "connId": session.connection_id}
        session.send_frame({"event": "channel-conn-count-error"} | count)
        return True

    def _check_public(self, session: SimulatedSession, arg: ChannelArg) -> None:
        channel = arg.get("channel", "")
        is_known = (
            channel == STATUS
            or (channel == INSTRUMENTS_CHANNEL and arg.get("instType") in INSTRUMENT_TYPES)
            or (channel in INSTRUMENT_CHANNELS and arg.get("instId") in self._venue.exchange.states)
        )
        if session.path != "public" or not is_known:
            raise _missing(arg)

    def _acknowledged(self, event: str, session: SimulatedSession, arg: ChannelArg, id: object) -> dict[str, object]:
        head: dict[str, object] = {} if id is None else {"id": id}
        return head | {"event": event, "arg": arg, "connId": session.connection_id}


def _is_private(channel: str) -> bool:
    return channel in PRIVATE_CHANNELS or channel in BUSINESS_CHANNELS


def _missing(arg: ChannelArg) -> ChannelError:
    named = ",".join(f"{name}:{value}" for name, value in arg.items())
    text = f"Wrong URL or {named} doesn't exist. Please use the correct URL, channel and parameters."
    return ChannelError("60018", text)

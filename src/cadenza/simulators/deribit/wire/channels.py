"""Names of channels, and who listens to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cadenza.simulators.deribit.market.instruments import CURRENCIES, KINDS, DeribitInstrument
from cadenza.simulators.kit.faults import ArmedFaults
from cadenza.simulators.kit.hub import StreamHub, StreamListener

RAW = "raw"
INTERVALS_MS = {"100ms": 100, "agg2": 1_000}
DEPTHS = ("1", "10", "20")
USER = "user."
MARKET = "deribit"
"""The one market, as faults of events name it."""


@dataclass(frozen=True, slots=True)
class ChannelName:
    """A channel. `family` is what it is about. `instrument` is one instrument's name; else `kind` and `currency` (or
    `any`) select several. `interval` is None for a channel that has no interval. `account` is whose channel it is,
    where it is private."""

    text: str
    family: str
    instrument: str | None = None
    kind: str = "any"
    currency: str = "any"
    interval: str | None = None
    depth: int | None = None
    account: str = ""

    @property
    def key(self) -> str:
        """What tells the channel from the same one of another account."""
        return channel_key(self.text, self.account)

    @property
    def is_private(self) -> bool:
        return self.family.startswith(USER)

    @property
    def needs_access(self) -> bool:
        """Raw market data is only for connections that have access."""
        return self.interval == RAW and not self.is_private

    def shows(self, instrument: DeribitInstrument) -> bool:
        if self.instrument is not None:
            return self.instrument == instrument.name
        return self.kind in ("any", instrument.kind) and instrument.is_of(self.currency)


def read_channel(text: str, instruments: Iterable[str], indexes: Iterable[str]) -> ChannelName | None:
    """Return a channel that exists; None for any other text, which the venue does not subscribe to."""
    match text.split("."):
        case ["book", name, interval] if name in instruments and _is_interval(interval):
            return ChannelName(text, "book", name, interval=interval)
        case ["book", name, "none", depth, "100ms" | "agg2" as interval] if name in instruments and depth in DEPTHS:
            return ChannelName(text, "book", name, interval=interval, depth=int(depth))
        case ["trades" | "ticker" as family, name, interval] if name in instruments and _is_interval(interval):
            return ChannelName(text, family, name, interval=interval)
        case ["trades", kind, currency, interval] if _selects(kind, currency) and _is_interval(interval):
            return ChannelName(text, "trades", None, kind, currency, interval)
        case ["quote", name] if name in instruments:
            return ChannelName(text, "quote", name)
        case ["deribit_price_index", index] if index in indexes:
            return ChannelName(text, "deribit_price_index", index)
        case ["instrument", "state", kind, currency] if _selects(kind, currency):
            return ChannelName(text, "instrument.state", None, kind, currency)
        case ["platform_state"]:
            return ChannelName(text, "platform_state")
        case ["user", "orders" | "trades" | "changes" as what, name, interval] if _is_interval(interval):
            return ChannelName(text, f"user.{what}", name, interval=interval) if name in instruments else None
        case ["user", "orders" | "trades" | "changes" as what, kind, currency, interval] if _is_interval(interval):
            if _selects(kind, currency):
                return ChannelName(text, f"user.{what}", None, kind, currency, interval)
        case ["user", "portfolio", currency] if currency.upper() in (*CURRENCIES, "ANY"):
            asked = "any" if currency.upper() == "ANY" else currency.upper()
            return ChannelName(text, "user.portfolio", None, currency=asked)
    return None


class ChannelHub:
    """Channels by name. What is sent goes through the faults: user channels are `user`, all others `market`, and the
    name of an event is its channel's family, such as `user.changes`."""

    def __init__(self, faults: ArmedFaults) -> None:
        self._hub = StreamHub(faults, MARKET)
        self._names: dict[str, ChannelName] = {}

    def subscribe(self, listener: StreamListener, name: ChannelName) -> None:
        self._names[name.key] = name
        self._hub.subscribe(listener, name.key)

    def unsubscribe(self, listener: StreamListener, key: str) -> None:
        self._hub.unsubscribe(listener, key)
        if not self._hub.has_listeners(key):
            self._names.pop(key, None)

    def has_listeners(self, key: str) -> bool:
        return key in self._names

    def active(self, family: str) -> list[ChannelName]:
        """Return the channels of a family that have listeners."""
        return [name for name in self._names.values() if name.family == family]

    def send(self, name: ChannelName, data: object) -> None:
        """Send to all listeners of a channel."""
        kind = "user" if name.is_private else "market"
        self._hub.send(name.key, {"channel": name.text, "data": data}, kind)


def channel_key(text: str, account: str) -> str:
    """Return the key of a channel: of a private one with its account."""
    return f"{account} {text}" if text.startswith(USER) else text


def channel_family(event: object) -> str | None:
    """Return the family of the channel of an event."""
    text = event.get("channel") if isinstance(event, dict) else None
    if not isinstance(text, str):
        return None
    first, _, rest = text.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first in ("user", "instrument") else first


def _is_interval(text: str) -> bool:
    return text == RAW or text in INTERVALS_MS


def _selects(kind: str, currency: str) -> bool:
    return kind in (*KINDS, "any", "combo") and currency in (*CURRENCIES, "any")

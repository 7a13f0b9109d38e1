"""Streams: who listens to what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from cadenza.simulators.binance.control.faults import ArmedFaults
from cadenza.simulators.binance.wire.markets import VenueMarket
from cadenza.simulators.binance.wire.outlet import SocketOutlet

StreamPayload = dict[str, object]


@dataclass(eq=False, slots=True)
class StreamClient:
    """A client of streams. A combined one gets each payload with the stream's name. What does not pass `accepts`, which
    gets the stream's name and the payload, is not sent."""

    outlet: SocketOutlet
    is_combined: bool
    accepts: Callable[[str, StreamPayload], bool] = lambda _stream, _payload: True
    streams: dict[str, None] = field(default_factory=dict)

    def send(self, stream: str, payload: StreamPayload) -> None:
        if self.accepts(stream, payload):
            self.outlet.send({"stream": stream, "data": payload} if self.is_combined else payload)


class StreamHub:
    """Names of streams are as clients write them. A name that nobody publishes is accepted and stays silent, as at the
    venue."""

    def __init__(self, faults: ArmedFaults, market: VenueMarket) -> None:
        self._faults = faults
        self._market = market
        self._listeners: dict[str, dict[StreamClient, None]] = defaultdict(dict)

    def subscribe(self, listener: StreamClient, stream: str) -> None:
        listener.streams[stream] = None
        self._listeners[stream][listener] = None

    def unsubscribe(self, listener: StreamClient, stream: str) -> None:
        listener.streams.pop(stream, None)
        self._listeners[stream].pop(listener, None)

    def leave(self, listener: StreamClient) -> None:
        for stream in list(listener.streams):
            self.unsubscribe(listener, stream)

    def has_listeners(self, stream: str) -> bool:
        return bool(self._listeners.get(stream))

    def send(self, stream: str, payload: StreamPayload, kind: str = "market") -> None:
        """Send to all listeners of a stream, through the faults of its kind: `market` or `user`."""
        listeners = self._listeners.get(stream)
        if not listeners:
            return
        for sent in self._faults.for_event(kind, self._market, payload):
            for listener in listeners:
                listener.send(stream, sent)

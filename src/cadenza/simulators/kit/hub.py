"""Streams: who listens to what."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

from cadenza.simulators.kit.faults import ArmedFaults

StreamPayload = dict[str, object]


class StreamListener(Protocol):
    """A client of streams: what it listens to, and how a payload is sent to it."""

    @property
    def streams(self) -> dict[str, None]: ...

    def send(self, stream: str, payload: StreamPayload) -> None: ...


class StreamHub:
    """Names of streams are as clients write them. A name that nobody publishes is accepted and stays silent, as at the
    venue."""

    def __init__(self, faults: ArmedFaults, market: str) -> None:
        self._faults = faults
        self._market = market
        self._listeners: dict[str, dict[StreamListener, None]] = defaultdict(dict)

    def subscribe(self, listener: StreamListener, stream: str) -> None:
        listener.streams[stream] = None
        self._listeners[stream][listener] = None

    def unsubscribe(self, listener: StreamListener, stream: str) -> None:
        listener.streams.pop(stream, None)
        self._listeners[stream].pop(listener, None)

    def leave(self, listener: StreamListener) -> None:
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

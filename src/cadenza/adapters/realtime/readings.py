"""What /metrics shows of the socket."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from cadenza.adapters.realtime.codes import DISCONNECTS, INVALID_UTF8, MESSAGE_TOO_BIG, PROTOCOL_ERROR
from cadenza.adapters.realtime.services import Services


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure, read at the moment of asking."""

    name: str
    kind: Literal["gauge", "counter"]
    meaning: str
    read: Callable[[], float]


def readings_of(services: Services) -> Sequence[Reading]:
    """Return all figures of a node. A counter of disconnects is there for every code, so that none appears late."""
    counts, hub, flusher, roster = services.counts, services.hub, services.flusher, services.roster
    gauges: list[tuple[str, str, Callable[[], float]]] = [
        ("connections", "Open connections", lambda: len(roster)),
        ("users", "Users with an open connection", lambda: roster.users),
        ("subscriptions", "Subscriptions of all connections", lambda: hub.subscriptions),
        ("channels", "Channels that somebody listens to", lambda: len(hub.channels)),
        ("remembered_channels", "Channels with publications in memory", lambda: len(services.broker)),
        ("queued_bytes", "Bytes that wait for clients that do not read", lambda: roster.queued_bytes),
    ]
    counters: list[tuple[str, str, Callable[[], float]]] = [
        ("accepted", "Connections accepted", lambda: counts.connections_total),
        ("commands", "Commands of clients", lambda: counts.commands_total),
        ("rpcs", "Calls by RPC", lambda: counts.rpcs_total),
        ("publications", "Publications on channels that somebody has used", lambda: counts.publications_total),
        ("deliveries", "Publications times subscribers", lambda: hub.deliveries_total),
        ("writes", "Frames written to clients", lambda: flusher.writes_total),
        ("received_bytes", "Bytes of messages from clients", lambda: counts.received_bytes_total),
        ("sent_bytes", "Bytes of messages to clients", lambda: flusher.bytes_total),
        ("unsubscribes", "Subscriptions that the server ended", lambda: counts.unsubscribes_total),
        ("disconnects_client", "Connections that the client ended", lambda: counts.left_total),
    ]
    counters += [
        (
            f"disconnects_{each.code}",
            f"Connections closed with {each.code} ({each.reason})",
            _closed(services, each.code),
        )
        for each in (PROTOCOL_ERROR, INVALID_UTF8, MESSAGE_TOO_BIG, *DISCONNECTS)
    ]
    return [
        *(Reading(f"cadenza_realtime_{name}", "gauge", meaning, read) for name, meaning, read in gauges),
        *(Reading(f"cadenza_realtime_{name}", "counter", meaning, read) for name, meaning, read in counters),
    ]


def _closed(services: Services, code: int) -> Callable[[], float]:
    return lambda: services.counts.disconnects_total[code]

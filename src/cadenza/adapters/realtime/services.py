"""What the connections of a node share."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from cadenza.adapters.realtime.broker import Broker
from cadenza.adapters.realtime.feeds import Feeds
from cadenza.adapters.realtime.gate import Gate
from cadenza.adapters.realtime.hub import Hub
from cadenza.adapters.realtime.limits import RealtimeLimits
from cadenza.adapters.realtime.metrics import RealtimeCounts
from cadenza.adapters.realtime.presence import Presence
from cadenza.adapters.realtime.roster import Roster
from cadenza.adapters.realtime.rpc import Rpcs
from cadenza.adapters.realtime.timetable import Timetable
from cadenza.adapters.realtime.writer import Flusher
from cadenza.domain.ids import TradingAccountId
from cadenza.network.client_address import Networks
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids


class Spawn(Protocol):
    """Starts a supervised task."""

    def __call__(self, name: str, work: Coroutine[Any, Any, None], /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One of each, made by the node."""

    node_id: str
    gate: Gate
    feeds: Feeds
    broker: Broker
    hub: Hub
    presence: Presence
    roster: Roster
    rpcs: Rpcs
    timetable: Timetable
    flusher: Flusher
    counts: RealtimeCounts
    clock: Clock
    ids: Ids
    limits: RealtimeLimits
    trusted_proxies: Networks
    request_portfolio: Callable[[TradingAccountId], None]
    spawn: Spawn

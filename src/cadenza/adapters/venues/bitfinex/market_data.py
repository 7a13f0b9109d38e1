"""BITFINEX's public market data: what its feeds are made of."""

from ssl import SSLContext

from cadenza.adapters.venues.bitfinex.sockets import MESSAGES, SOCKET_PATH, conf
from cadenza.adapters.venues.bitfinex.spec import PUBLIC_STREAM
from cadenza.adapters.venues.bitfinex.stream_wire import PUBLIC_FLAGS, BitfinexMarket, PublicChannels
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.market_stream import MarketStreamRoute
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeedParts
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock

CHANNELS_MAX = 30
"""Channels that the venue allows a connection; another one is opened when it is full."""


def feed_parts(
    *,
    spec: VenueSpec,
    venue_clock: VenueClock,
    clock: Clock,
    randomness: Randomness,
    tls: SSLContext,
    proxies: ProxyChoice,
    connects: ConnectPace,
    limits: StreamLimits,
) -> SnapshotFeedParts:
    """Return what the venue's feeds are made of. `connects` is the pace of the public host."""
    route = MarketStreamRoute(
        f"{spec.urls[PUBLIC_STREAM]}{SOCKET_PATH}", CHANNELS_MAX, MESSAGES, opening=(conf(PUBLIC_FLAGS),)
    )
    return SnapshotFeedParts(
        spec=spec,
        route=route,
        wire=PublicChannels,
        channels=BitfinexMarket,
        venue_clock=venue_clock,
        clock=clock,
        randomness=randomness,
        tls=tls,
        proxies=proxies,
        connects=connects,
        limits=limits,
    )

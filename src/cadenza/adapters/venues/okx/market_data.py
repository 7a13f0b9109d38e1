"""OKX's public market data: what its feeds are made of."""

from ssl import SSLContext

from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.market_stream import MarketStreamRoute
from cadenza.adapters.venues.kit.snapshot_feeds import SnapshotFeedParts
from cadenza.adapters.venues.kit.venue_clock import VenueClock
from cadenza.adapters.venues.okx.sockets import MESSAGES, PUBLIC_PATH
from cadenza.adapters.venues.okx.spec import PUBLIC_REGION, stream_name
from cadenza.adapters.venues.okx.stream_wire import OkxChannels, PublicChannels
from cadenza.domain.trading.venue_spec import VenueSpec
from cadenza.network.patience import Randomness
from cadenza.network.proxies import ProxyChoice
from cadenza.network.stream_events import StreamLimits
from cadenza.ports.clock import Clock

CHANNELS_MAX = 150
"""Channels of a connection; another one is opened when it is full."""


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
    """Return what the venue's feeds are made of."""
    base = spec.urls[stream_name(PUBLIC_REGION)]
    return SnapshotFeedParts(
        spec=spec,
        route=MarketStreamRoute(f"{base}{PUBLIC_PATH}", CHANNELS_MAX, MESSAGES),
        wire=PublicChannels,
        channels=OkxChannels,
        venue_clock=venue_clock,
        clock=clock,
        randomness=randomness,
        tls=tls,
        proxies=proxies,
        connects=connects,
        limits=limits,
    )

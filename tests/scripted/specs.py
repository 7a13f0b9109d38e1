"""The kinds of venues that the platform is made for, each as a `VenueSpec`, and what a test must know beside it.

They stand under the names of venues that have no connector, so nothing else in the platform knows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.ids import Environment, InstrumentId, SecurityId, Venue, VenueId
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, Security, SecurityType
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.venue_spec import (
    TRADED,
    Books,
    CountedSentId,
    DerivedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    OrderMemory,
    OrderSupport,
    Replay,
    Support,
    VenueSpec,
)

D = Decimal
FENCE_MS = 1_000
CLOCK_AHEAD_MS = 90_000
NATIVE = Support.NATIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of venue. `offset_ms`: how far its clock is ahead of ours. `streams_balances`: its stream reports
    balances and positions too. `ids_per_symbol`: its order and trade ids begin again with each instrument.
    `fills_by_venue_id`: its fills name an order by the venue's id alone. `has_nonces`: it takes a request only with a
    higher nonce than that of the request before."""

    name: str
    spec: VenueSpec
    offset_ms: int = 0
    streams_balances: bool = False
    ids_per_symbol: bool = False
    fills_by_venue_id: bool = False
    has_nonces: bool = False

    @property
    def is_streamed(self) -> bool:
        return self.spec.account_news is NewsSource.STREAM

    @property
    def has_venue_books(self) -> bool:
        return self.spec.books[AccountType.SPOT] is Books.VENUE

    @property
    def can_prove(self) -> bool:
        """Whether asking can find out what became of an order."""
        return self.spec.lookup is not None and self.spec.fence is not None


_BOOK = BookSpec(rule=BookRule(continuity=Continuity.REPLACE), age_ms_max=30_000, depth=5)


def _spec(venue: Venue, environment: Environment = Environment.LIVE, **changes: object) -> VenueSpec:
    facts: dict[str, object] = {
        "venue_id": VenueId(venue, environment),
        "urls": {"rest": "https://127.0.0.1:1"},
        "credential_types": frozenset({CredentialType.HMAC}),
        "books": {AccountType.SPOT: Books.VENUE, AccountType.MARGIN: Books.VENUE},
        "traded": {**TRADED, AccountType.MARGIN: frozenset({InstrumentType.SPOT, InstrumentType.PERPETUAL})},
        "funds_check": FundsCheck.AT_VENUE,
        "orders": {
            kind: {
                OrderType.LIMIT: dict.fromkeys((TimeInForce.GTC, TimeInForce.GTD), NATIVE),
                OrderType.MARKET: {TimeInForce.IOC: NATIVE},
            }
            for kind in (InstrumentType.SPOT, InstrumentType.PERPETUAL)
        },
        "quantity_types": {QuantityType.BASE: NATIVE},
        "order_books": dict.fromkeys(InstrumentType, _BOOK),
        "account_news": NewsSource.STREAM,
        "sent_id": DerivedSentId(prefix="cdz"),
        "fence": Fence(margin_ms=FENCE_MS, proof="the scripted venue refuses what comes after its deadline"),
        "lookup": Lookup(),
        "replay": Replay(),
        "snapshots": True,
    }
    return VenueSpec(**(facts | changes))  # type: ignore[arg-type]


_OURS: Mapping[AccountType, Books] = {AccountType.SPOT: Books.OURS, AccountType.MARGIN: Books.OURS}

STREAMED = Kind(
    name="streamed", spec=_spec(Venue.OKX, cancels_all=frozenset({AccountType.SPOT})), streams_balances=True
)
POLLED = Kind(name="polled", spec=_spec(Venue.BINANCE, account_news=NewsSource.POLL))
DESK = Kind(name="desk", spec=_spec(Venue.CUMBERLAND, books=_OURS, snapshots=False))
COMPARED = Kind(name="compared", spec=_spec(Venue.STONEX, books=_OURS, funds_check=FundsCheck.HERE))
NO_FENCE = Kind(name="no fence", spec=_spec(Venue.IBKR, fence=None))
"""It can be asked about an order, and its not knowing one proves nothing."""
_WITH_STOPS: OrderSupport = {
    OrderType.LIMIT: dict.fromkeys((TimeInForce.GTC, TimeInForce.GTD), NATIVE),
    OrderType.STOP: {TimeInForce.GTC: NATIVE, TimeInForce.GTD: Support.EMULATED},
}
LATE_STOPS = Kind(
    name="late stops",
    spec=_spec(
        Venue.OKX,
        orders={InstrumentType.SPOT: _WITH_STOPS},
        fence=Fence(
            margin_ms=FENCE_MS,
            proof="the scripted venue refuses what comes after its deadline, but for stops",
            without_deadline={AccountType.SPOT: frozenset({OrderType.STOP})},
        ),
    ),
)
"""Not among `KINDS`: its stops differ in that they may wait within the venue for any time."""
NO_LOOKUP = Kind(name="no lookup", spec=_spec(Venue.BLOCKFILLS, lookup=None, fence=None))
BLIND = Kind(
    name="blind", spec=_spec(Venue.BLOCKFILLS, books=_OURS, lookup=None, fence=None, replay=None, snapshots=False)
)
"""Not among `KINDS`: what its stream does not bring is never found out by asking."""
_FORGETFUL = Lookup(
    memory=dict.fromkeys((AccountType.SPOT, AccountType.MARGIN), OrderMemory(filled_ms=600_000, unfilled_ms=600_000))
)
_FORGOTTEN = Replay(depth_ms=dict.fromkeys((AccountType.SPOT, AccountType.MARGIN), 600_000))
FORGETFUL = Kind(name="forgetful", spec=_spec(Venue.DERIBIT, replay=_FORGOTTEN, lookup=_FORGETFUL))
PER_SYMBOL = Kind(
    name="ids per symbol",
    spec=_spec(Venue.BINANCE, Environment.UAT, replay=Replay(is_per_instrument=True)),
    ids_per_symbol=True,
    fills_by_venue_id=True,
)
_WITHOUT_GTD: OrderSupport = {
    OrderType.LIMIT: {TimeInForce.GTC: NATIVE, TimeInForce.GTD: Support.EMULATED, TimeInForce.DAY: Support.EMULATED},
    OrderType.MARKET: {TimeInForce.IOC: NATIVE},
}
WITHOUT_GTD = Kind(
    name="without GTD",
    spec=_spec(Venue.OKX, orders=dict.fromkeys((InstrumentType.SPOT, InstrumentType.PERPETUAL), _WITHOUT_GTD)),
    streams_balances=True,
)
"""It takes orders as GTC only, so the platform expires them."""
_WITHOUT_TRAILING: OrderSupport = {
    OrderType.LIMIT: {TimeInForce.GTC: NATIVE},
    OrderType.MARKET: {TimeInForce.IOC: NATIVE},
    OrderType.TRAILING_STOP: dict.fromkeys((TimeInForce.GTC, TimeInForce.GTD, TimeInForce.DAY), Support.EMULATED),
}
WITHOUT_TRAILING = Kind(
    name="without trailing stops",
    spec=_spec(Venue.OKX, orders=dict.fromkeys((InstrumentType.SPOT, InstrumentType.PERPETUAL), _WITHOUT_TRAILING)),
    streams_balances=True,
)
"""It has no trailing stops, so the platform holds them."""
HELD_AND_LOCKED = Kind(
    name="held and locked",
    spec=_spec(
        Venue.STONEX,
        books=_OURS,
        funds_check=FundsCheck.HERE,
        orders=dict.fromkeys((InstrumentType.SPOT, InstrumentType.PERPETUAL), _WITHOUT_TRAILING),
    ),
)
"""The same where our ledger locks what an order needs."""
_FORGETS_UNFILLED = Lookup(memory={AccountType.SPOT: OrderMemory(unfilled_ms=300_000)})
FORGETS_UNFILLED = Kind(name="forgets unfilled", spec=_spec(Venue.OKX, lookup=_FORGETS_UNFILLED))
"""Not among `KINDS`: it differs in what its lookups find of old orders."""
CLOCK_AHEAD = Kind(
    name="clock ahead", spec=_spec(Venue.OKX, Environment.UAT), offset_ms=CLOCK_AHEAD_MS, streams_balances=True
)
CLOCK_BEHIND = Kind(name="clock behind", spec=_spec(Venue.DERIBIT, Environment.UAT), offset_ms=-CLOCK_AHEAD_MS)
NO_REPLAY = Kind(name="no replay", spec=_spec(Venue.STONEX, Environment.UAT, replay=None), streams_balances=True)
"""Not among `KINDS`: what is placed elsewhere and ends while no session listens is never heard of."""
NONCED = Kind(name="nonces", spec=_spec(Venue.BITFINEX, Environment.UAT), has_nonces=True)
"""Not among `KINDS`: its connector needs a memory."""
COUNTED = Kind(name="counted ids", spec=_spec(Venue.BITFINEX, sent_id=CountedSentId(counter="cid", first=1_000)))
SHARED = Kind(
    name="shared ids",
    spec=_spec(Venue.BITFINEX, sent_id=CountedSentId(counter="cid", first=1_000, is_shared=True)),
    streams_balances=True,
)
"""Not among `KINDS`: it takes our ids from others too. Its lookups find the order with our id that was placed first."""
SHARED_LABELS = Kind(
    name="shared labels",
    spec=_spec(Venue.DERIBIT, sent_id=DerivedSentId(prefix="cdz", is_shared=True)),
    streams_balances=True,
)
"""Not among `KINDS`: the same, where our ids follow from the orders' own."""
REPLIES = Kind(name="replies", spec=_spec(Venue.WINTERMUTE, account_news=NewsSource.REPLY))
"""Only replies report, and nothing is polled. What happens otherwise is found by asking, and by the readings that the
law of silence requires."""
LAST_IDS = Kind(
    name="last ids", spec=_spec(Venue.BITFINEX, sent_id=CountedSentId(counter="cid", first=1_000, last=1_001))
)
"""Not among `KINDS`: it runs out of ids."""

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            STREAMED,
            POLLED,
            DESK,
            COMPARED,
            NO_LOOKUP,
            NO_FENCE,
            FORGETFUL,
            PER_SYMBOL,
            CLOCK_AHEAD,
            CLOCK_BEHIND,
            COUNTED,
        )
    }
)


SUITE_KINDS: Mapping[str, Kind] = MappingProxyType({**KINDS, REPLIES.name: REPLIES})
"""Those that the conformance suite runs. The other tests wait for news that comes by itself."""


def instruments_of(spec: VenueSpec) -> tuple[Instrument, ...]:
    """BTC/USDT, ETH/USDT and a perpetual: lots of 0.001, pips of 0.5."""
    venue_id = spec.venue_id
    perpetual = replace(
        _spot(spec, "BTC"),
        id=InstrumentId(f"{venue_id}:BTC/USDT-PERP"),
        symbol="BTC/USDT-PERP",
        external_symbol="BTCUSDTP",
        type=InstrumentType.PERPETUAL,
        initial_margin=D("0.1"),
        maintenance_margin=D("0.005"),
    )
    return _spot(spec, "BTC"), _spot(spec, "ETH"), perpetual


def securities_of(venue_id: VenueId) -> tuple[Security, ...]:
    """What the instruments are made of."""
    return tuple(
        Security(
            id=SecurityId(f"{venue_id}:{asset}"), venue_id=venue_id, symbol=asset, type=SecurityType.CRYPTO,
            precision=8, scale=8, min_quantity=D("0.00000001"), lot_size=D("0.00000001"),
        )
        for asset in ("BTC", "ETH", "USDT")
    )  # fmt: skip


def _spot(spec: VenueSpec, base: str) -> Instrument:
    venue_id = spec.venue_id
    times = {time for its_times in spec.orders_of(InstrumentType.SPOT).values() for time in its_times}
    return Instrument(
        id=InstrumentId(f"{venue_id}:{base}/USDT"),
        venue_id=venue_id,
        symbol=f"{base}/USDT",
        external_symbol=f"{base}USDT",
        type=InstrumentType.SPOT,
        status=InstrumentStatus.ACTIVE,
        base_asset=base,
        quote_asset="USDT",
        base_security_type=SecurityType.CRYPTO,
        quote_security_type=SecurityType.CRYPTO,
        base_precision=8,
        quote_precision=8,
        lot_size=D("0.001"),
        pip_size=D("0.5"),
        min_quantity=D("0.001"),
        max_quantity=D(1000),
        min_notional=D(5),
        order_types=tuple(spec.orders_of(InstrumentType.SPOT)),
        time_in_force_options=tuple(time for time in TimeInForce if time in times),
        taker_fee=D("0.001"),
    )

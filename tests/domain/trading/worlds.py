"""Small worlds for the trading rules: an account, an instrument, a market, and a state over them."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import count
from uuid import UUID

from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
    AccountType,
    ExternalAccount,
    PositionMode,
    TradingAccount,
)
from cadenza.domain.ids import PAPER, InstrumentId, OrderId, TenantId, TradingAccountId, UserId
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, SecurityType, TopOfBook
from cadenza.domain.trading.claims import Claim
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.domain.trading.enums import QuantityType
from cadenza.domain.trading.kept import KeptReport
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.state import TradingState, World
from cadenza.domain.trading.submit import NewOrderNames, decide_submit
from cadenza.domain.trading.venue_spec import (
    TRADED,
    Books,
    DerivedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    Replay,
    Support,
    VenueSpec,
)

D = Decimal
SPOT = AccountType.SPOT
NOW_MS = 1_700_000_000_000
TENANT = TenantId(UUID(int=1))
ACCOUNT = TradingAccountId(UUID(int=2))
BTC = InstrumentId("PAPER:BTC/USDT")


def venue_spec(**changes: object) -> VenueSpec:
    """A venue that takes everything and whose books are ours, as PAPER's are. Its SPOT accounts trade SPOT only."""
    times = dict.fromkeys(TimeInForce, Support.NATIVE)
    facts: dict[str, object] = {
        "venue_id": PAPER, "credential_types": frozenset(CredentialType),
        "books": dict.fromkeys(AccountType, Books.OURS),
        "traded": dict.fromkeys(AccountType, frozenset(InstrumentType)) | {SPOT: TRADED[SPOT]},
        "funds_check": FundsCheck.HERE,
        "orders": {kind: dict.fromkeys(OrderType, times) for kind in InstrumentType},
        "quantity_types": dict.fromkeys(QuantityType, Support.NATIVE),
        "order_books": dict.fromkeys(
            InstrumentType, BookSpec(rule=BookRule(continuity=Continuity.PREVIOUS), age_ms_max=None, depth=10)
        ),
        "account_news": NewsSource.STREAM, "sent_id": DerivedSentId(prefix="X"),
        "fence": Fence(margin_ms=1_000, proof="a test"), "lookup": Lookup(), "replay": Replay(), "snapshots": False,
        "balances_follow_fills": True,
    }  # fmt: skip
    return VenueSpec(**(facts | changes))  # type: ignore[arg-type]


SPEC = venue_spec()
"""Snapshots are off: the scripted sessions of most tests have none."""


def instrument(**changes: object) -> Instrument:
    """BTC/USDT in lots of 0.001 and pips of 0.5, taker fee 0.1 %."""
    facts: dict[str, object] = {
        "id": BTC, "venue_id": PAPER, "symbol": "BTC/USDT", "external_symbol": "BTCUSDT", "type": InstrumentType.SPOT,
        "status": InstrumentStatus.ACTIVE, "base_asset": "BTC", "quote_asset": "USDT",
        "base_security_type": SecurityType.CRYPTO, "quote_security_type": SecurityType.CRYPTO,
        "base_precision": 8, "quote_precision": 8, "lot_size": D("0.001"), "pip_size": D("0.5"),
        "min_quantity": D("0.001"), "max_quantity": D(100), "min_notional": D(5), "max_notional": D(1_000_000),
        "order_types": tuple(t for t in OrderType if t is not OrderType.QUOTED),
        "time_in_force_options": (
            TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD, TimeInForce.DAY, TimeInForce.GTX
        ),
        "maker_fee": D(0), "taker_fee": D("0.001"), "maintenance_margin": D("0.005"), "initial_margin": D("0.1"),
    }  # fmt: skip
    return Instrument(**(facts | changes))  # type: ignore[arg-type]


def account(
    type: AccountType = AccountType.SPOT, mode: PositionMode = PositionMode.NETTING, **changes: object
) -> TradingAccount:
    facts: dict[str, object] = {
        "id": ACCOUNT, "tenant_id": TENANT, "user_id": UserId(UUID(int=3)), "venue_id": PAPER, "nickname": "",
        "external": ExternalAccount(external_id="x", type=type, external_type="x", position_mode=mode, max_leverage=20),
        "credential_ids": (), "status": AccountStatus.ACTIVE, "created_at_ms": NOW_MS, "updated_at_ms": NOW_MS,
        "adopted_at_ms": NOW_MS - 1_000, "complete_until_ms": NOW_MS - 1_000,
    }  # fmt: skip
    return TradingAccount(**(facts | changes))  # type: ignore[arg-type]


def book(bid: str = "99.5", ask: str = "100", depth: str = "10") -> BookSnapshot:
    """Ten levels a side, half a unit apart."""
    bids = tuple((D(bid) - D("0.5") * i, D(depth)) for i in range(10))
    asks = tuple((D(ask) + D("0.5") * i, D(depth)) for i in range(10))
    return BookSnapshot(instrument_id=BTC, bids=bids, asks=asks, sequence=1, at_ms=NOW_MS)


def state(
    owner: TradingAccount | None = None,
    balances: dict[str, str] | None = None,
    positions: Iterable[Position] = (),
    orders: Iterable[Order] = (),
    traded: Instrument | None = None,
    market: BookSnapshot | None = book(),  # noqa: B008 - a frozen value
    claims: Iterable[Claim] = (),
    kept: Sequence[KeptReport] = (),
    spec: VenueSpec = SPEC,
    first_id: int = 1000,
    rates: Mapping[tuple[str, str], Decimal] | None = None,
    now_ms: int = NOW_MS,
) -> TradingState:
    """`rates` are those of (asset, currency)."""
    owner, traded = owner or account(), traded or instrument()
    numbers = count(first_id)
    top = None if market is None else TopOfBook(market.bids[0][0], market.asks[0][0], None, NOW_MS)
    world = World(
        spec=lambda _: spec,
        instrument=lambda i: traded if i == traded.id else None,
        top=lambda _: top,
        book=lambda _: market,
        rate=lambda _, asset, currency: (rates or {}).get((asset, currency)),
        new_id=lambda: UUID(int=next(numbers)),
        now_ms=now_ms,
    )
    held = {"USDT": "1000000", "BTC": "10"} if balances is None else balances
    rows = [Balance(account_id=owner.id, asset=a, total=D(t), updated_at_ms=NOW_MS) for a, t in held.items()]
    return TradingState(world, [owner], rows, positions, orders, kept, claims)


def request(**changes: object) -> SubmitOrderRequest:
    """BUY 1 BTC at 90."""
    facts: dict[str, object] = {
        "account_id": ACCOUNT, "instrument_id": BTC, "side": Side.BUY, "type": OrderType.LIMIT,
        "quantity": D(1), "limit_price": D(90),
    }  # fmt: skip
    merged = facts | changes
    if merged["type"] in (OrderType.MARKET, OrderType.STOP) and "limit_price" not in changes:
        merged["limit_price"] = None
    return SubmitOrderRequest(**merged)  # type: ignore[arg-type]


def submit(where: TradingState, asked: SubmitOrderRequest | None = None, number: int = 100, **changes: object) -> Order:
    """Submit and return the order."""
    traded = where.world.instrument(BTC)
    assert traded is not None
    names = NewOrderNames(OrderId(UUID(int=number)), f"X{number}")
    submission = decide_submit(where, asked or request(**changes), names, TENANT, traded)
    assert submission is not None
    return submission.order

"""A small world for the HTTP edge: samples of the domain, use cases that answer with them, and a bare ASGI client."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal as D
from typing import Any

from litestar.types import ASGIApp
from prometheus_client import CollectorRegistry
from tests.adapters.http.brake_samples import brake_results
from tests.adapters.http.event_samples import sample_events
from tests.adapters.http.key_samples import ACCOUNT_ID, KEY_RESULTS, TENANT_ID, USER_ID, page
from tests.adapters.http.parts import NOW_MS, CountingIds, Flood, ManualClock, uuid
from tests.contract.checker import Answer, check_answer

from cadenza.adapters.http.app import create_app
from cadenza.adapters.http.limits import HttpLimits
from cadenza.adapters.http.metrics import HttpMetrics
from cadenza.application.accounts.views import AccountView
from cadenza.application.identity.views import IssuedSession
from cadenza.application.orders.portfolios import AssetPrice
from cadenza.application.orders.preview import Lock, OrderPreview, PreviewOutcome
from cadenza.application.system.check_health import Health, HealthStatus
from cadenza.application.use_cases import UseCases
from cadenza.domain.accounts.balance import Balance
from cadenza.domain.accounts.credential import Credential, CredentialStatus, CredentialType
from cadenza.domain.accounts.operation import Operation, OperationStatus, OperationType
from cadenza.domain.accounts.trading_account import (
    AccountStatus,
    AccountType,
    ExternalAccount,
    PositionMode,
    PositionSide,
    TradingAccount,
)
from cadenza.domain.errors import InvalidToken
from cadenza.domain.identity.actor import Actor, Scope
from cadenza.domain.identity.user import User
from cadenza.domain.ids import (
    PAPER,
    Access,
    CredentialId,
    ExecutionId,
    InstrumentId,
    OperationId,
    OrderId,
    PositionId,
    SecurityId,
    SessionId,
    SubscriptionId,
)
from cadenza.domain.market.book_messages import BookSnapshot
from cadenza.domain.market.candle import Candle
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, Security, SecurityType
from cadenza.domain.market.subscription import Subscription, SubscriptionStatus, SubscriptionType
from cadenza.domain.money import Rounding
from cadenza.domain.trading.enums import CancelReason, LiquiditySide, OrderStatus, QuantityType
from cadenza.domain.trading.execution import Execution, Fee
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.portfolio import HeldBalance, MarkedPosition, Portfolio, Summary
from cadenza.domain.trading.position import Position
from cadenza.domain.trading.venue_spec import Support
from cadenza.ports.venue import VenueStatus

TOKEN = "a-good-token"
BTC_USDT = InstrumentId("PAPER:BTC/USDT")
ORDER_ID = OrderId(uuid(4))
CREDENTIAL_ID = CredentialId(uuid(5))
SUBSCRIPTION_ID = SubscriptionId(uuid(6))

ACTOR = Actor(
    user_id=USER_ID,
    tenant_id=TENANT_ID,
    session_id=SessionId(uuid(7)),
    scopes=frozenset({Scope.ADMIN}),
    access=frozenset(Access),
    expires_at_ms=NOW_MS + 3_600_000,
)
EXECUTION = Execution(
    id=ExecutionId(uuid(8)),
    order_id=ORDER_ID,
    account_id=ACCOUNT_ID,
    venue_id=PAPER,
    instrument_id=BTC_USDT,
    trade_id="t-1",
    side=Side.BUY,
    price=D("64250.5"),
    quantity=D("1E+1"),
    fees=(Fee("USDT", D("-0.000000010")),),
    liquidity=LiquiditySide.MAKER,
    executed_at_ms=NOW_MS,
)
ORDER = Order(
    id=ORDER_ID,
    tenant_id=TENANT_ID,
    account_id=ACCOUNT_ID,
    venue_id=PAPER,
    instrument_id=BTC_USDT,
    base_asset="BTC",
    quote_asset="USDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    asked_quantity=D("25.500"),
    quantity_type=QuantityType.BASE,
    rounding=Rounding.NONE,
    quantity=D("25.5"),
    limit_price=D("64250.5"),
    status=OrderStatus.ACCEPTED,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)
FILLED_PARTLY = ORDER.filled(EXECUTION, NOW_MS)
CANCELED = ORDER.canceled(CancelReason.USER, D(0), NOW_MS, NOW_MS)
CREDENTIAL = Credential(
    id=CREDENTIAL_ID,
    tenant_id=TENANT_ID,
    user_id=USER_ID,
    venue_id=PAPER,
    type=CredentialType.HMAC,
    nickname="desk",
    status=CredentialStatus.CREATED,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)
ACCOUNT = TradingAccount(
    id=ACCOUNT_ID,
    tenant_id=TENANT_ID,
    user_id=USER_ID,
    venue_id=PAPER,
    nickname="Main desk",
    external=ExternalAccount(
        external_id="paper-spot-1", type=AccountType.SPOT, external_type="SPOT", position_mode=PositionMode.NETTING
    ),
    credential_ids=(CREDENTIAL_ID,),
    status=AccountStatus.ACTIVE,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)
VIEW = AccountView(ACCOUNT, (CREDENTIAL,))
OPERATION = Operation(
    id=OperationId(uuid(9)),
    tenant_id=TENANT_ID,
    account_id=ACCOUNT_ID,
    type=OperationType.CONNECT,
    status=OperationStatus.SUCCESS,
    created_at_ms=NOW_MS,
)
SUBSCRIPTION = Subscription(
    id=SUBSCRIPTION_ID,
    tenant_id=TENANT_ID,
    venue_id=PAPER,
    type=SubscriptionType.TRADING_ACCOUNT,
    status=SubscriptionStatus.ACTIVE,
    account_id=ACCOUNT_ID,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
    last_event_at_ms=NOW_MS,
)
INSTRUMENT = Instrument(
    id=BTC_USDT,
    venue_id=PAPER,
    symbol="BTC/USDT",
    external_symbol="BTCUSDT",
    type=InstrumentType.SPOT,
    status=InstrumentStatus.ACTIVE,
    base_asset="BTC",
    quote_asset="USDT",
    base_security_type=SecurityType.CRYPTO,
    quote_security_type=SecurityType.CRYPTO,
    base_precision=8,
    quote_precision=2,
    lot_size=D("0.0001"),
    pip_size=D("0.01"),
    min_quantity=D("0.0001"),
    max_quantity=D("1E+3"),
    min_notional=D("10"),
    order_types=(OrderType.MARKET, OrderType.LIMIT),
    time_in_force_options=(TimeInForce.GTC, TimeInForce.IOC),
    order_filters={"PRICE_FILTER": {"tickSize": D("1E-2")}},
)
SECURITY = Security(
    id=SecurityId("PAPER:BTC"),
    venue_id=PAPER,
    symbol="BTC",
    type=SecurityType.CRYPTO,
    precision=8,
    scale=8,
    min_quantity=D("1E-8"),
    lot_size=D("1E-8"),
)
BOOK = BookSnapshot(
    instrument_id=BTC_USDT,
    bids=((D("64250"), D("1.50")),),
    asks=((D("64251"), D("1E+1")),),
    sequence=7,
    at_ms=NOW_MS,
)
POSITION = Position(
    id=PositionId(uuid(10)),
    account_id=ACCOUNT_ID,
    instrument_id=BTC_USDT,
    side=PositionSide.NET,
    quantity=D("-1"),
    entry_cost=D("-64000"),
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
)
PRICES = [
    AssetPrice(asset="BTC", currency="USD", rate=D("64250.5"), instruments=[INSTRUMENT.id], at_ms=NOW_MS),
    AssetPrice(asset="ETH", currency="USD", rate=None, instruments=[INSTRUMENT.id], at_ms=None, is_awaited=True),
    AssetPrice(asset="USD", currency="USD", rate=D(1), instruments=[], at_ms=None),
]
PORTFOLIO = Portfolio(
    account=ACCOUNT,
    positions=(
        MarkedPosition(position=POSITION, instrument=INSTRUMENT, mark=D("64250.5")),
        MarkedPosition(position=POSITION, instrument=INSTRUMENT, mark=None),
    ),
    balances=(
        HeldBalance(
            balance=Balance(account_id=ACCOUNT_ID, asset="USDT", total=D("1E+6"), updated_at_ms=NOW_MS),
            security_type=SecurityType.CRYPTO,
        ),
    ),
    summary=Summary(
        currency="USDT",
        leverage=None,
        equity=D("1E+6"),
        margin=D(0),
        margin_loan=D(0),
        margin_requirement=D(0),
        credit=D(0),
        risk_exposure=D(0),
    ),
    updated_at_ms=NOW_MS,
)
USER = User(
    id=USER_ID,
    tenant_id=TENANT_ID,
    email="ann@example.com",
    scopes=frozenset(Scope),
    access=frozenset(Access),
    is_operator=False,
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
    metadata={"desk": "london"},
)
SESSION = IssuedSession(
    access_token="access", refresh_token="refresh", expires_in_s=3600, expires_at_ms=NOW_MS + 3_600_000, user=USER
)
HEALTH = Health(
    status=HealthStatus.HEALTHY,
    database=HealthStatus.HEALTHY,
    jobs=HealthStatus.HEALTHY,
    cache=HealthStatus.HEALTHY,
    at_ms=NOW_MS,
)


@dataclass
class FakeUseCase:
    """Answers with `result` (raises it when it is an exception) and keeps its calls."""

    result: Any = None
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class FakeAuthenticate(FakeUseCase):
    """Knows one token."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args[0] != TOKEN:
            raise InvalidToken("the access token is not one of ours")
        return await super().__call__(*args, **kwargs)


RESULTS: Mapping[str, Any] = {
    "sign_up": USER,
    "log_in": SESSION,
    "log_out": None,
    "refresh_session": SESSION,
    "get_user": USER,
    "update_user": USER,
    "recover": None,
    **KEY_RESULTS,
    "submit_order": FILLED_PARTLY,
    "preview_order": OrderPreview(
        outcome=PreviewOutcome.SEND,
        order=ORDER,
        sent_type=ORDER.type,
        support=Support.NATIVE,
        lock=Lock("USDT", D("1E+3"), D("0.10")),
    ),
    "cancel_order": CANCELED,
    "list_orders": page(ORDER, FILLED_PARTLY, CANCELED, cursor="more"),
    "list_executions": page(EXECUTION, replace(EXECUTION, is_busted=True, corrected_at_ms=NOW_MS), cursor="more"),
    "list_events": page(*sample_events(ACTOR, ACCOUNT, FILLED_PARTLY, NOW_MS), cursor="more"),
    "create_credential": CREDENTIAL,
    "list_credentials": [CREDENTIAL],
    "verify_credentials": [VIEW],
    "revoke_credential": CREDENTIAL,
    "rotate_credential": CREDENTIAL,
    "connect_account": VIEW,
    "disconnect_account": VIEW,
    "update_account": VIEW,
    "enable_account": VIEW,
    "disable_account": VIEW,
    "list_accounts": page(VIEW),
    "list_operations": page(OPERATION),
    "list_portfolios": page(PORTFOLIO),
    "list_portfolio_prices": PRICES,
    "subscribe_account": SUBSCRIPTION,
    "unsubscribe_account": SUBSCRIPTION,
    "list_account_subscriptions": page(SUBSCRIPTION),
    "list_venues": [(PAPER, VenueStatus.ONLINE)],
    "sync_instruments": 12,
    "enable_instrument": INSTRUMENT,
    "disable_instrument": INSTRUMENT,
    "delete_instrument": None,
    "list_instruments": page(INSTRUMENT),
    "sync_securities": None,
    "delete_security": SECURITY,
    "list_securities": page(SECURITY),
    "get_order_book": BOOK,
    "list_order_books": [BOOK],
    "list_klines": [(BTC_USDT, [Candle(NOW_MS, D(100), D(120), D(90), D(110), D(3))])],
    "subscribe_order_book": SUBSCRIPTION,
    "unsubscribe_order_book": SUBSCRIPTION,
    "list_order_book_subscriptions": [SUBSCRIPTION],
    **brake_results(tenant_id=TENANT_ID, account_id=ACCOUNT_ID, user_id=USER.id, order=CANCELED),
    "check_health": HEALTH,
}


def fake_use_cases() -> Any:
    """Return use cases that answer with the samples."""
    fakes: dict[str, Any] = {name: FakeUseCase(result) for name, result in RESULTS.items()}
    wanted = {f.name for f in fields(UseCases)}
    assert wanted == {*fakes, "authenticate"}, wanted ^ {*fakes, "authenticate"}
    return UseCases(authenticate=FakeAuthenticate(ACTOR), **fakes)


@dataclass
class World:
    """The application and what it stands on."""

    app: ASGIApp
    use_cases: Any
    flood: Flood
    metrics: HttpMetrics
    is_ready: bool = True

    def reset(self) -> None:
        """Make everything as it was at the start."""
        for name, result in RESULTS.items():
            use_case = getattr(self.use_cases, name)
            use_case.result = result
            use_case.calls.clear()
        self.use_cases.authenticate.result = ACTOR
        self.flood.full.clear()
        self.is_ready = True

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: str | bytes = b"",
        body: Any = None,
        raw: bytes | Iterable[bytes] | None = None,
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
        client: str = "203.0.113.5",
    ) -> Answer:
        """Send a request straight to the application and return its (contract-checked) reply."""
        chunks = [json.dumps(body).encode()] if body is not None else [b""]
        if raw is not None:
            chunks = [raw] if isinstance(raw, bytes) else list(raw)
        own = {"authorization": f"Bearer {token}"} if token is not None else {}
        answer = await _call(
            self.app,
            method,
            path,
            query.encode() if isinstance(query, str) else query,
            chunks,
            {**own, **(headers or {})},
            client,
        )
        check_answer(method, path, answer) if method != "HEAD" else None
        return answer


def make_world(limits: HttpLimits | None = None, more_routes: Sequence[Any] = ()) -> World:
    """Return an application over fakes."""
    use_cases, flood = fake_use_cases(), Flood()
    metrics = HttpMetrics(CollectorRegistry())
    world = World(None, use_cases, flood, metrics)  # type: ignore[arg-type]

    async def is_ready() -> bool:
        return world.is_ready

    world.app = create_app(
        use_cases,
        limits=limits or HttpLimits(),
        flood=flood,
        metrics=metrics,
        is_ready=is_ready,
        clock=ManualClock(),
        ids=CountingIds(),
        more_routes=more_routes,
    )
    return world


async def _call(
    app: ASGIApp,
    method: str,
    path: str,
    query: bytes,
    chunks: list[bytes],
    headers: Mapping[str, str],
    client: str,
) -> Answer:
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": (client, 50000),
        "server": ("127.0.0.1", 8000),
    }
    inbox = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        if inbox:
            return inbox.pop(0)
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 30)  # type: ignore[arg-type]
    reply = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    is_json = reply.get("content-type", "").startswith("application/json")
    return Answer(sent[0]["status"], reply, json.loads(content) if is_json and content else content)

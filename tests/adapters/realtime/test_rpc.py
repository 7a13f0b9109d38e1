"""RPC: every method of the interface, against the interface's own shapes."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.adapters.http import http_world as h
from tests.adapters.realtime.realtime_world import World
from tests.contract.checker import SCHEMAS, assert_matches

from cadenza.adapters.realtime.rpc_table import METHODS
from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.errors import CadenzaError, CredentialRejected, InsufficientBalance, Overloaded, VenueUnavailable
from cadenza.domain.identity.actor import Scope
from cadenza.domain.trading.enums import QuantityType
from cadenza.wire.errno import ERRNO_BY_CAUSE
from cadenza.wire.own_operations import OWN_OPERATIONS

ACCOUNT = str(h.ACCOUNT_ID)
ORDER = str(h.ORDER_ID)
CREDENTIAL = str(h.CREDENTIAL_ID)
BTC = str(h.BTC_USDT)
OF_ACCOUNT = {
    "tradingAccount": {
        "tradingAccountId": ACCOUNT,
        "externalAccountId": "paper-spot-1",
        "credentials": [{"credentialId": CREDENTIAL}],
        "nickname": "desk",
    }
}
LIMIT_ORDER = {
    "instrumentId": BTC,
    "orderSide": "BUY",
    "orderType": "LIMIT",
    "quantity": "0.5",
    "limitPrice": "64000",
    "timeInForce": "GTC",
}
USER_DATA = "TRADING_ACCOUNT.SUBSCRIPTION.TRADING_ACCOUNT"
BOOKS = "MARKET.SUBSCRIPTION.ORDERBOOK"

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "query.system.info": ("GetSystemInfo", {}),
    "query.system.check": ("HealthCheck", {}),
    "command.trade_order.submit": ("SubmitTradeOrder", {"tradeOrder": LIMIT_ORDER, "tradingAccountId": ACCOUNT}),
    "command.trade_order.cancel": ("CancelTradeOrder", {"tradeOrderId": ORDER, "tradingAccountId": ACCOUNT}),
    "query.trade_order.get": ("GetTradeOrder", {"tradeOrderId": ORDER, "tradingAccountId": ACCOUNT}),
    "query.trade_order.get_by_id": ("GetTradeOrderById", {"tradeOrderId": ORDER}),
    "query.trade_order.list": (
        "ListTradeOrders",
        {
            "status": "CANCELLED",
            "startTime": "2026-01-31T12:00:00Z",
            "endTime": "2026-02-01T12:00:00.5+01:00",
            "pagination": {"limit": 10, "offset": 0},
        },
    ),
    "command.trading_account.connect": ("ConnectTradingAccount", OF_ACCOUNT),
    "command.trading_account.create": ("CreateTradingAccount", OF_ACCOUNT),
    "command.trading_account.validate": ("ValidateTradingAccount", OF_ACCOUNT),
    "command.trading_account.update": ("UpdateTradingAccount", OF_ACCOUNT),
    "command.trading_account.disconnect": ("DisconnectTradingAccount", {"tradingAccountId": ACCOUNT}),
    "command.trading_account.delete": ("DeleteTradingAccount", {"tradingAccountId": ACCOUNT}),
    "command.trading_account.enable": ("EnableTradingAccount", {"tradingAccountId": ACCOUNT}),
    "command.trading_account.disable": ("DisableTradingAccount", {"tradingAccountId": ACCOUNT}),
    "query.trading_account.list": ("ListTradingAccounts", {"venue": "PAPER", "status": "ACTIVE"}),
    "query.trading_account.operation.list": ("ListTradingAccountOperations", {"tradingAccountId": ACCOUNT}),
    "command.trading_account.subscribe": (
        "SubscribeTradingAccountStream",
        {**OF_ACCOUNT, "subscriptionType": USER_DATA},
    ),
    "command.trading_account.unsubscribe": ("UnsubscribeTradingAccountStream", {"tradingAccountId": ACCOUNT}),
    "query.trading_account.subscription.list": (
        "ListTradingAccountSubscriptions",
        {"tradingAccountId": ACCOUNT, "subscriptionType": USER_DATA, "status": "ACTIVE"},
    ),
    "command.credential.create": (
        "CreateCredential",
        {"venue": "PAPER", "credentialType": "HMAC", "apiKey": "key", "secretKey": "secret", "nickname": "desk"},
    ),
    "command.credential.verify": ("VerifyCredential", {"credentialIds": [CREDENTIAL]}),
    "command.credential.revoke": ("RevokeCredential", {"credentialId": CREDENTIAL}),
    "command.credential.rotate": (
        "RotateCredential",
        {"credentialId": CREDENTIAL, "credentialType": "HMAC", "apiKey": "key", "secretKey": "secret"},
    ),
    "query.credential.list": ("ListCredentials", {"venue": "PAPER", "credentialType": "HMAC", "status": "CREATED"}),
    "query.portfolio.get": ("GetPortfolio", {"tradingAccountId": ACCOUNT}),
    "query.portfolio.list": ("ListPortfolios", {"currency": "USD"}),
    "command.instrument.sync": ("SyncInstruments", {"venue": "PAPER", "symbols": ["BTC/USDT"]}),
    "command.instrument.delete": ("DeleteInstrument", {"instrumentId": BTC}),
    "command.instrument.enable": ("EnableInstrument", {"instrumentId": BTC}),
    "command.instrument.disable": ("DisableInstrument", {"instrumentId": BTC}),
    "query.instrument.list": ("ListInstruments", {"venue": "PAPER", "symbols": ["BTC/USDT"], "limit": 5}),
    "command.security.sync": ("SyncSecurities", {"venue": "PAPER"}),
    "command.security.delete": ("DeleteSecurities", {"securityIds": ["PAPER:BTC"]}),
    "query.security.list": ("ListSecurities", {"venue": "PAPER", "securities": ["BTC"]}),
    "query.venue.list": ("ListVenues", {}),
    "query.orderbook.get": ("GetOrderBook", {"instrumentId": BTC, "depth": 5}),
    "query.orderbook.list": ("ListOrderBooks", {"venue": "PAPER", "symbols": ["BTC/USDT"]}),
    "command.trading_account.save": (
        "SaveTradingAccounts",
        {"tradingAccounts": [OF_ACCOUNT["tradingAccount"], {**OF_ACCOUNT["tradingAccount"], "tradingAccountId": None}]},
    ),
    "command.instrument.save": (
        "SaveInstruments",
        {"instruments": [{"instrumentId": BTC, "status": status} for status in ("ACTIVE", "DISABLED")]},
    ),
    "query.kline.list": ("ListKlines", {"venue": "PAPER", "symbols": ["BTC/USDT"], "interval": "5m"}),
    "query.ticker.list": ("ListTickers", {"instrumentIds": [BTC]}),
    "command.market.subscription.orderbook.subscribe": ("SubscribeOrderBook", {"instrumentIds": [BTC]}),
    "command.market.subscription.orderbook.unsubscribe": ("UnsubscribeOrderBook", {"instrumentId": BTC}),
    "query.market.subscription.orderbook.list": ("ListOrderBookSubscriptions", {"venue": "PAPER"}),
    "command.subscription.create": (
        "CreateSubscription",
        {"venue": "PAPER", "instruments": ["BTC/USDT"], "subscriptionType": BOOKS},
    ),
    "query.subscription.list": ("ListSubscriptions", {"subscriptionType": USER_DATA}),
}
NOT_OFFERED: dict[str, str | None] = {
    "command.subscription.mc.create": None,
    "command.trade_order.save": "SaveTradeOrder",
    "command.credential.save": "SaveCredential",
    "command.portfolio.save": "SavePortfolio",
    "command.security.save": "SaveSecurities",
    "command.orderbook.save": "SaveOrderBooks",
    "command.ticker.save": "SaveTickers",
    "command.kline.save": "SaveKlines",
}


async def call(world: World, method: str, data: Any = None, *, token: str | None = None) -> dict[str, Any]:
    client = await world.client(token)
    request = {"method": method} if data is None else {"method": method, "data": data}
    reply = await client.ask(rpc=request)
    await client.close()
    return reply


async def outcome(world: World, method: str, data: Any = None, **more: Any) -> dict[str, Any]:
    """What stands in `rpc.data`."""
    reply = await call(world, method, data, **more)
    assert set(reply) == {"id", "rpc"}, reply
    return reply["rpc"]["data"]


def test_every_method_of_the_interface_is_there() -> None:
    listed = {name for name in SCHEMAS["rpcMethod"]["enum"] if name.startswith(("query.", "command."))}
    own = {own.method for own in OWN_OPERATIONS}
    assert set(METHODS) - own == {*CASES, *NOT_OFFERED} == listed


@pytest.mark.parametrize("method", [*CASES, *NOT_OFFERED])
def test_parameters_are_those_of_the_interface(method: str) -> None:
    schema = CASES[method][0] if method in CASES else NOT_OFFERED[method]
    if schema is None:
        assert msgspec.structs.fields(METHODS[method].params) == ()
        return
    listed = set(SCHEMAS[f"rpc{schema}Params"].get("properties", {}))
    ours = {field.encode_name for field in msgspec.structs.fields(METHODS[method].params)}
    assert listed <= ours, listed - ours


@pytest.mark.parametrize("method", CASES)
async def test_answers_are_of_the_shape_of_the_interface(world: World, method: str) -> None:
    schema, data = CASES[method]
    answer = await outcome(world, method, data)
    assert "error" not in answer, answer
    assert_matches(f"rpc{schema}Result", answer)


@pytest.mark.parametrize("method", NOT_OFFERED)
async def test_what_this_house_does_not_offer_is_refused(world: World, method: str) -> None:
    reply = await call(world, method, {})
    assert reply["error"] == {"code": 108, "message": "not available"}


@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if row.is_internal])
async def test_internal_methods_need_the_scope_admin(world: World, method: str) -> None:
    writer = world.issue(scopes=frozenset({Scope.WRITE}))
    answer = await outcome(world, method, CASES[method][1] if method in CASES else {}, token=writer)
    assert answer["error"]["code"] == -50006


@pytest.mark.parametrize("method", ["response.trade_order.submit", "event.trade_order.updated", "no.such", ""])
async def test_unknown_methods(world: World, method: str) -> None:
    assert (await call(world, method, {}))["error"] == {"code": 104, "message": "method not found"}


async def test_an_order_reaches_the_use_case_as_on_rest(world: World) -> None:
    order = {
        **LIMIT_ORDER,
        "clientOrderId": "c-1",
        "expireAt": "2026-12-31T00:00:00.123Z",
        "timeInForce": "GTD",
        "quantityRounding": "DOWN",
        "status": "CREATED",
    }
    await outcome(
        world,
        "command.trade_order.submit",
        {"tradeOrder": order, "tradingAccountId": ACCOUNT, "idempotencyKey": "k-1", "awaitClosed": True},
    )
    ((_, command), _) = world.use_cases.use_cases.submit_order.calls[0]
    assert str(command.quantity) == "0.5"
    assert command.client_order_id == "c-1"
    assert command.idempotency_key == "k-1"
    assert command.await_closed is True
    assert command.expire_at_ms == 1_798_675_200_123


@pytest.mark.parametrize(
    ("amount", "kind"),
    [
        ({"quoteCurrencyQuantity": "100"}, QuantityType.QUOTE),
        ({"positionPercentage": "50"}, QuantityType.POSITION_PERCENTAGE),
        ({"quantity": "0.5", "quantityType": "POSITION_RATIO"}, QuantityType.POSITION_RATIO),
    ],
)
async def test_every_kind_of_quantity(world: World, amount: dict[str, str], kind: QuantityType) -> None:
    order = {**{k: v for k, v in LIMIT_ORDER.items() if k != "quantity"}, **amount}
    await outcome(world, "command.trade_order.submit", {"tradeOrder": order, "tradingAccountId": ACCOUNT})
    ((_, command), _) = world.use_cases.use_cases.submit_order.calls[0]
    assert command.quantity_type is kind


@pytest.mark.parametrize(
    ("method", "data"),
    [
        ("command.trade_order.submit", {}),
        ("command.trade_order.submit", {"tradeOrder": {**LIMIT_ORDER, "quantity": 0.5}, "tradingAccountId": ACCOUNT}),
        ("command.trade_order.submit", {"tradeOrder": {**LIMIT_ORDER, "quantity": "x"}, "tradingAccountId": ACCOUNT}),
        ("command.trade_order.submit", {"tradeOrder": {**LIMIT_ORDER, "nope": 1}, "tradingAccountId": ACCOUNT}),
        (
            "command.trade_order.submit",
            {"tradeOrder": {**LIMIT_ORDER, "expireAt": "tomorrow"}, "tradingAccountId": ACCOUNT},
        ),
        (
            "command.trade_order.submit",
            {"tradeOrder": {**LIMIT_ORDER, "positionPercentage": "5"}, "tradingAccountId": ACCOUNT},
        ),
        ("command.trade_order.cancel", {"tradingAccountId": ACCOUNT, "clientOrderId": "c"}),
        ("query.trade_order.list", {"startTime": "2026-01-01T00:00:00"}),
        ("query.trade_order.list", {"side": "UNKNOWN"}),
        ("query.trade_order.list", {"pagination": {"limit": 100_000}}),
        ("query.orderbook.get", {}),
        ("command.trading_account.subscribe", {**OF_ACCOUNT, "subscriptionType": BOOKS}),
        ("command.credential.rotate", {"credentialId": CREDENTIAL, "credentialType": "HMAC"}),
        ("command.credential.rotate", {"credentialId": CREDENTIAL, "credentialType": "NO_SUCH", "apiKey": "key"}),
        ("query.venue.list", {"a": 1}),
        ("query.venue.list", [1]),
        ("query.venue.list", "text"),
    ],
)
async def test_bad_parameters_are_business_errors(world: World, method: str, data: Any) -> None:
    answer = await outcome(world, method, data)
    assert answer["error"]["code"] == -10001
    assert "temporary" not in answer["error"]
    assert_matches("rpcError", answer["error"])


async def test_no_parameters_and_null(world: World) -> None:
    assert (await outcome(world, "query.venue.list"))["data"] == ["PAPER"]
    client = await world.client()
    client.send_text('{"id":7,"rpc":{"method":"query.venue.list","data":null}}')
    assert (await client.reply(7))["rpc"]["data"] == {"data": ["PAPER"]}
    await client.close()


async def test_refusals_carry_the_number_of_rest(world: World) -> None:
    world.use_cases.use_cases.submit_order.result = InsufficientBalance("not enough USDT")
    data = {"tradeOrder": LIMIT_ORDER, "tradingAccountId": ACCOUNT}
    answer = await outcome(world, "command.trade_order.submit", data)
    assert answer == {"error": {"code": ERRNO_BY_CAUSE[InsufficientBalance], "message": "not enough USDT"}}


@pytest.mark.parametrize("error", [Overloaded("the queue is full"), VenueUnavailable("it does not answer")])
async def test_what_may_be_tried_again_is_temporary(world: World, error: CadenzaError) -> None:
    world.use_cases.use_cases.submit_order.result = error
    data = {"tradeOrder": LIMIT_ORDER, "tradingAccountId": ACCOUNT}
    answer = await outcome(world, "command.trade_order.submit", data)
    assert answer["error"] == {"code": ERRNO_BY_CAUSE[type(error)], "message": error.message, "temporary": True}


async def test_a_defect_is_error_100_and_tells_nothing(world: World) -> None:
    world.use_cases.use_cases.list_venues.result = RuntimeError("secret detail")
    reply = await call(world, "query.venue.list")
    assert reply["error"] == {"code": 100, "message": "internal server error", "temporary": True}
    assert "secret" not in json.dumps(reply)


async def test_saving_accounts_connects_new_ones_and_renames_the_others(world: World) -> None:
    await outcome(world, "command.trading_account.save", CASES["command.trading_account.save"][1])
    use_cases = world.use_cases.use_cases
    assert [call[0][1:] for call in use_cases.update_account.calls] == [(h.ACCOUNT_ID, "desk")]
    assert [call[0][1:] for call in use_cases.connect_account.calls] == [((h.CREDENTIAL_ID,), "paper-spot-1", "desk")]


async def test_saving_instruments_sets_their_status(world: World) -> None:
    await outcome(world, "command.instrument.save", CASES["command.instrument.save"][1])
    use_cases = world.use_cases.use_cases
    assert [len(each.calls) for each in (use_cases.enable_instrument, use_cases.disable_instrument)] == [1, 1]
    delisted = {"instruments": [{"instrumentId": BTC, "status": "ACTIVE"}, {"instrumentId": BTC, "status": "DELISTED"}]}
    assert (await outcome(world, "command.instrument.save", delisted))["error"]["code"] == -10001
    assert len(use_cases.enable_instrument.calls) == 1, "all or nothing, as far as it can be known before"


async def test_validation_of_an_account_that_is_not_reached(world: World) -> None:
    world.use_cases.use_cases.verify_credentials.result = CredentialRejected("the venue refuses the key")
    answer = await outcome(world, "command.trading_account.validate", OF_ACCOUNT)
    assert answer == {"data": {"isValid": False}}


async def test_rights_are_those_of_the_moment(world: World) -> None:
    client = await world.client()
    world.actors[world.token] = replace(world.actors[world.token], scopes=frozenset({Scope.READ}))
    reply = await client.ask(rpc={"method": "command.trade_order.save", "data": {}})
    assert reply["rpc"]["data"]["error"]["code"] == -50006
    world.revoke(world.token)
    client.send({"id": 9, "rpc": {"method": "query.venue.list"}})
    assert (await client.closed()).code == 3500


class Paged(h.FakeUseCase):
    """Lists subscriptions to accounts page by page."""

    def __init__(self, pages: int) -> None:
        super().__init__()
        self.cursors = [None, *(f"page {n}" for n in range(1, pages)), None]

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        await super().__call__(*args, **kwargs)
        number = self.cursors.index(args[-1])
        return h.page(replace(h.SUBSCRIPTION, created_at_ms=number), cursor=self.cursors[number + 1])


async def test_all_subscriptions_are_listed_however_many_accounts_there_are(world: World) -> None:
    paged = Paged(3)
    world.use_cases.use_cases = replace(world.use_cases.use_cases, list_account_subscriptions=paged)
    listed = (await outcome(world, "query.subscription.list", {}))["data"]
    assert len(listed) == 1 + 3, "one of a book, and all pages of those of accounts"
    paged.calls.clear()
    of_books = (await outcome(world, "query.subscription.list", {"instrumentId": [BTC]}))["data"]
    assert (of_books, paged.calls) == ([], []), "none is of an account that is of an instrument"


async def test_rotation_says_which_type_of_credential_is_meant(world: World) -> None:
    await outcome(world, "command.credential.rotate", CASES["command.credential.rotate"][1])
    ((_, meant),) = world.use_cases.use_cases.rotate_credential.calls
    assert meant == {"type": CredentialType.HMAC}


class UpToTheThird(h.FakeUseCase):
    """Refuses the third call."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        done = await super().__call__(*args, **kwargs)
        if len(self.calls) == 3:
            raise Overloaded("no room")
        return done


INSTRUMENTS = [f"PAPER:{base}/USDT" for base in ("BTC", "ETH", "SOL", "XRP")]
BY_ID = [{"tradingAccountId": ACCOUNT, "nickname": str(n)} for n in range(4)]
SEVERAL = [
    ("command.trading_account.save", "update_account", {"tradingAccounts": BY_ID}),
    (
        "command.instrument.save",
        "enable_instrument",
        {"instruments": [{"instrumentId": id, "status": "ACTIVE"} for id in INSTRUMENTS]},
    ),
    ("command.market.subscription.orderbook.subscribe", "subscribe_order_book", {"instrumentIds": INSTRUMENTS}),
    (
        "command.subscription.create",
        "subscribe_order_book",
        {"venue": "PAPER", "instruments": INSTRUMENTS, "subscriptionType": BOOKS},
    ),
    ("command.security.delete", "delete_security", {"securityIds": [f"PAPER:{n}" for n in range(4)]}),
]


@pytest.mark.parametrize(("method", "name", "data"), SEVERAL)
async def test_several_that_stop_midway_tell_what_was_done(
    world: World, method: str, name: str, data: dict[str, Any]
) -> None:
    use_case = UpToTheThird(h.RESULTS[name])
    world.use_cases.use_cases = replace(world.use_cases.use_cases, **{name: use_case})
    answer = await outcome(world, method, data)
    assert answer["error"] == {
        "code": ERRNO_BY_CAUSE[Overloaded],
        "message": "no room (item 3 of 4; done before it: 2, not tried: 1)",
        "temporary": True,
    }
    assert len(answer.get("data", ())) == (0 if method == "command.security.delete" else 2)
    assert len(use_case.calls) == 3
    assert_matches(f"rpc{CASES[method][0]}Result", answer)


async def test_one_of_one_that_is_refused_is_told_plainly(world: World) -> None:
    world.use_cases.use_cases.subscribe_order_book.result = Overloaded("no room")
    answer = await outcome(world, "command.market.subscription.orderbook.subscribe", {"instrumentIds": [BTC]})
    assert (set(answer), answer["error"]["message"]) == ({"error"}, "no room")

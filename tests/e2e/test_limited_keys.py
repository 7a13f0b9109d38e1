"""Callers for whom an account does not exist, on every operation and every method: an API key that is limited to one
other account, one that is limited to other environments, and one of another tenant.

The walk takes its requests from the models, so that a new operation takes part by itself. A required field that it does
not know makes it fail until `OTHERS` has a value for it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
import pytest
from msgspec import Struct

from cadenza.adapters.realtime.rpc_table import METHODS
from cadenza.wire.own_operations import OPERATIONS
from tests.adapters.realtime.raw_client import RawClient
from tests.contract.checker import Answer, CheckedClient
from tests.e2e.trader import BTC_USDT, Trader, ok, refused
from tests.serving import Serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_THERE = {
    "TRADING_ACCOUNT_NOT_FOUND",
    "ORDER_NOT_FOUND",
    "SUBSCRIPTION_NOT_FOUND",
    "MASS_CANCEL_NOT_FOUND",
    "CREDENTIAL_NOT_FOUND",
    "KEY_NOT_ALLOWED",
}
NOT_THERE_NUMBERS = {-20021, -20029, -30008, -30009, -30010, -50014}
UNKNOWN_CHANNEL = 102
"""The answer of the socket to a channel that is not there for the caller."""

NOT_AVAILABLE = 108
"""The error of methods that the server does not offer to anybody."""

NAMES_NO_ACCOUNT = {"command.credential.create"}
"""Methods that take a `tradingAccountId` and ignore it."""

SHOWN_TO_THE_OWNER = {
    "listTradeOrders",
    "listTradingAccounts",
    "listTradingAccountOperations",
    "listTradingAccountPortfolios",
    "listTradingAccountSubscriptions",
    "listTradingAccountEvents",
    "getMassCancel",
    "listDeadMansSwitches",
    "query.trade_order.list",
    "query.trading_account.list",
    "query.trading_account.operation.list",
    "query.portfolio.list",
    "query.subscription.list",
    "query.trading_account.event.list",
    "query.trade_order.mass_cancel",
    "query.dead_mans_switch.list",
}
"""Queries that show the other account to its owner: the walk finds what is there to be seen."""

OTHERS: Mapping[str, Any] = {
    "email": "user@example.com",
    "password": "correct horse battery",
    "refreshToken": "none",
    "orderSide": "BUY",
    "orderType": "MARKET",
    "quantity": "0.01",
    "instrumentId": BTC_USDT,
    "instrumentIds": [BTC_USDT],
    "instruments": [BTC_USDT],
    "securityId": "PAPER:BTC",
    "securityIds": ["PAPER:BTC"],
    "venue": "PAPER",
    "symbols": ["BTC/USDT"],
    "status": "DISABLED",
    "credentialType": "HMAC",
    "apiKey": "a key",
    "apiSecret": "a secret",
    "secretKey": "a secret",
    "name": "a child",
    "scopes": ["read"],
    "apiKeyId": "0199f2a6-1b2c-7d3e-8f4a-5b6c7d8e9f01",
    "subscriptionType": "TRADING_ACCOUNT.SUBSCRIPTION.TRADING_ACCOUNT",
    "tradingState": "HALTED",
    "periodSeconds": 3600,
}

GIVEN_TOO = frozenset({"quantity"})
"""Fields that a request needs although its model does not say so."""


CALLERS = ("key of another account", "key of other environments", "key of another tenant")


async def key_of(caller: str, trader: Trader, server: Serving) -> str:
    """Return a key for which the trader's margin account, which is in `paper`, does not exist."""
    match caller:
        case "key of another account":
            _, secret = await make_key(trader, tradingAccountIds=[trader.spot])
        case "key of other environments":
            _, secret = await make_key(trader, environments=["live", "uat"])
        case _:
            async with Trader(server.url) as stranger:
                _, secret = await make_key(await stranger.enter())
    return secret


@dataclass(frozen=True)
class Foreign:
    """The account that the key must not see: the values by which a request names it, and what would betray it."""

    names: Mapping[str, Any]
    marks: tuple[str, ...]

    def is_in(self, shown: Any) -> bool:
        text = json.dumps(shown)
        return any(mark in text for mark in self.marks)


def requests_for(model: type[Struct] | None, foreign: Foreign) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield requests: one that names the account in every way, one for each way, and one that does not name it. The
    second value says whether a command must be refused because the account is not there: a request that names it in
    every way must; one that names it in one way may lack something else."""
    if model is None:
        yield {}, False
        return
    every = _filled(model, foreign.names)
    yield every, foreign.is_in(every)
    for name in foreign.names:
        if name in every and len(set(every) & set(foreign.names)) > 1:
            yield _filled(model, {name: foreign.names[name]}, needed=foreign.names), False
    yield _filled(model, {}, needed=foreign.names), False


def _filled(model: type[Struct], names: Mapping[str, Any], needed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(model):
        name, inner = field.encode_name, _struct_in(field.type)
        if name in names:
            found[name] = names[name]
        elif inner is not None and (field.required or _names_any(inner, names)):
            filled = _filled(inner, names, needed)
            found[name] = [filled] if name.endswith("s") else filled
        elif field.required or name in GIVEN_TOO:
            found[name] = (needed or {}).get(name) or OTHERS[name]
    return found


def _names_any(model: type[Struct], names: Mapping[str, Any]) -> bool:
    return any(field.encode_name in names for field in msgspec.structs.fields(model))


def _struct_in(annotation: Any) -> type[Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation
    return next((found for part in get_args(annotation) if (found := _struct_in(part)) is not None), None)


async def made_foreign(trader: Trader) -> Foreign:
    """Give the margin account a mass cancel, an open order, a dead-man's switch and a subscription."""
    bid, _ = await trader.prices()
    asked = {"tradingAccountId": trader.margin, "orderType": "LIMIT", "limitPrice": str(bid // 2)}
    await trader.submit(**asked, clientOrderId="hidden-canceled-order")
    on_margin = {"tradingAccountId": trader.margin}
    mass_cancel = (await ok(trader.api.post("/api/v3/tradeOrder/massCancel", on_margin))).data["massCancelId"]
    await ok(trader.api.post("/api/v3/deadMansSwitch/arm", {**on_margin, "periodSeconds": 7200}))
    order = await trader.submit(**asked, clientOrderId="hidden-order")
    subscribed = await ok(trader.api.post("/api/v3/tradingAccount/subscription/subscribe", on_margin))
    accounts = (await ok(trader.api.get("/api/v3/tradingAccount/list", tradingAccountId=trader.margin))).data
    external = accounts[0]["externalTradingAccountId"]
    subscription = subscribed.data["subscriptionId"]
    names = {
        "tradingAccountId": trader.margin,
        "tradingAccountIds": [trader.margin],
        "tradeOrderId": order["tradeOrderId"],
        "subscriptionId": subscription,
        "massCancelId": mass_cancel,
        "externalTradingAccountId": external,
        "externalAccountId": external,
        "credentialId": trader.credential,
        "credentialIds": [trader.credential],
    }
    marks = (trader.margin, order["tradeOrderId"], subscription, mass_cancel, external, "hidden-")
    return Foreign(names, marks)


async def make_key(trader: Trader, **limits: Any) -> tuple[str, str]:
    """Return a new key's id and secret."""
    asked = {"name": "bot", "scopes": ["admin"], **limits}
    made = (await ok(trader.api.post("/api/v3/apiKey/create", asked))).data
    return made["apiKey"]["apiKeyId"], made["secret"]


async def state_of(trader: Trader) -> Any:
    """What the owner sees of everything, without what changes by itself."""
    orders = await trader.orders()
    accounts = (await ok(trader.api.get("/api/v3/tradingAccount/list"))).data
    credentials = (await ok(trader.api.get("/api/v3/credential/list"))).data
    subscriptions = (await ok(trader.api.get("/api/v3/tradingAccount/subscription/list"))).data
    keys = (await ok(trader.api.get("/api/v3/apiKey/list"))).data
    state = (await ok(trader.api.get("/api/v3/tradingState/get", tradingAccountId=trader.margin))).data
    limits = (await ok(trader.api.get("/api/v3/riskLimit/get", tradingAccountId=trader.margin))).data
    switches = (await ok(trader.api.get("/api/v3/deadMansSwitch/list"))).data
    return (
        state,
        limits,
        switches,
        [(order["tradeOrderId"], order["status"]) for order in orders],
        [(account["tradingAccountId"], account["status"], account["nickname"]) for account in accounts],
        [(credential["credentialId"], credential["status"]) for credential in credentials],
        [(each["subscriptionId"], each["status"]) for each in subscriptions],
        [(key["apiKeyId"], key["status"]) for key in keys],
    )


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_operation_shows_or_touches_another_account(server: Serving, trader: Trader, caller: str) -> None:
    foreign = await made_foreign(trader)
    secret = await key_of(caller, trader, server)
    before = await state_of(trader)
    shown: set[str] = set()
    async with CheckedClient(server.url, token=secret) as bot:
        for operation in OPERATIONS:
            if operation.is_public:
                continue
            is_read = operation.method == "GET"
            for request, must_be_refused in requests_for(operation.body or operation.query, foreign):
                more = {"query": request} if is_read else {"body": request}
                answer = await bot.request(operation.method, operation.path, **more)
                told = f"{operation.id} {request}: {answer.body}"
                assert answer.status not in (429, 500), told
                assert not foreign.is_in(answer.body.get("data")), told
                assert not foreign.is_in(answer.body.get("details", {}).get("metadata", {})), told
                if must_be_refused and not (is_read and answer.status == 200):
                    assert answer.code in NOT_THERE, told
                if is_read and foreign.is_in((await trader.api.request("GET", operation.path, **more)).body):
                    shown.add(operation.id)
    assert await state_of(trader) == before
    assert {name for name in SHOWN_TO_THE_OWNER if "." not in name} <= shown


@pytest.mark.parametrize("caller", CALLERS)
async def test_no_method_shows_or_touches_another_account(server: Serving, trader: Trader, caller: str) -> None:
    foreign = await made_foreign(trader)
    secret = await key_of(caller, trader, server)
    before = await state_of(trader)
    port = urlsplit(server.url).port or 0
    bot, owner = await RawClient.open(port), await RawClient.open(port)
    await bot.connect(secret)
    await owner.connect(trader.api.token or "")
    channel = {"channel": f"tradingAccount:{trader.margin}"}
    assert (await bot.ask(subscribe=channel))["error"]["code"] == UNKNOWN_CHANNEL
    shown: set[str] = set()
    for method, row in METHODS.items():
        is_read = method.startswith("query.")
        for request, must_be_refused in requests_for(row.params, foreign):
            asked = {"method": method, "data": request}
            reply = await bot.ask(rpc=asked)
            told = f"{method} {request}: {reply}"
            if "error" in reply:
                assert reply["error"]["code"] == NOT_AVAILABLE, told
                continue
            answer = reply["rpc"]["data"]
            assert not foreign.is_in(answer.get("data")), told
            if must_be_refused and method not in NAMES_NO_ACCOUNT and not (is_read and "error" not in answer):
                assert answer["error"]["code"] in NOT_THERE_NUMBERS, told
            if is_read and foreign.is_in((await owner.ask(rpc=asked))["rpc"]["data"].get("data")):
                shown.add(method)
    assert await state_of(trader) == before
    assert {name for name in SHOWN_TO_THE_OWNER if "." in name} <= shown
    await bot.close()
    await owner.close()


async def test_a_key_for_an_environment_sees_the_accounts_there(server: Serving, trader: Trader) -> None:
    _, secret = await make_key(trader, environments=["paper"], scopes=["write"])
    everything = {"tradingState": "HALTED", "cancelOpen": True}
    async with CheckedClient(server.url, token=secret) as api:
        accounts = (await ok(api.get("/api/v3/tradingAccount/list"))).data
        assert {account["tradingAccountId"] for account in accounts} == {trader.spot, trader.margin}
        bot = Trader(server.url)
        bot.api, bot.spot = api, trader.spot
        assert (await bot.submit(awaitClosed=True))["status"] == "FILLED"
        refused(await api.post("/api/v3/tradingState/set", everything), 403, "KEY_NOT_ALLOWED")
        mass_cancel = (await ok(api.post("/api/v3/tradeOrder/massCancel", {}))).data
        await ok(api.get("/api/v3/tradeOrder/massCancel/get", massCancelId=mass_cancel["massCancelId"]))


async def test_a_bot_trades_with_its_key_until_it_is_revoked(server: Serving, trader: Trader) -> None:
    key_id, secret = await make_key(trader, tradingAccountIds=[trader.spot], scopes=["write"], addresses=["127.0.0.1"])
    socket = await RawClient.open(urlsplit(server.url).port or 0)
    await socket.connect(secret)
    hidden = {"channel": f"tradingAccount:{trader.margin}"}
    assert (await socket.ask(subscribe=hidden))["error"]["code"] == UNKNOWN_CHANNEL
    assert (await socket.ask(subscribe={"channel": f"tradingAccount:{trader.spot}"}))["subscribe"]
    async with CheckedClient(server.url, token=secret) as api:
        bot = Trader(server.url)
        bot.api, bot.spot = api, trader.spot
        assert (await bot.submit(awaitClosed=True))["status"] == "FILLED"
        refused(await bot.try_submit(tradingAccountId=trader.margin), 404, "TRADING_ACCOUNT_NOT_FOUND")
        refused(await api.post("/api/v3/auth/logout"), 401, "KEY_NOT_ALLOWED")
        refused(await api.put("/api/v3/auth/user", {"metadata": {}}), 400, "KEY_NOT_ALLOWED")
        refused(await api.post("/api/v3/apiKey/revoke", {"apiKeyId": key_id}), 403, "KEY_NOT_ALLOWED")
        revoked = await ok(trader.api.post("/api/v3/apiKey/revoke", {"apiKeyId": key_id}))
        assert revoked.data["status"] == "REVOKED"
        refused(await bot.try_submit(), 401, "INVALID_TOKEN")
    assert (await socket.closed()).code == 3500


async def test_another_tenants_keys_and_log_do_not_exist(server: Serving, trader: Trader) -> None:
    key_id, _ = await make_key(trader)
    async with Trader(server.url) as stranger:
        await stranger.enter()
        refused(await stranger.api.post("/api/v3/apiKey/revoke", {"apiKeyId": key_id}), 404, "API_KEY_NOT_FOUND")
        asked = {"name": "thief", "scopes": ["read"], "tradingAccountIds": [trader.spot]}
        refused(await stranger.api.post("/api/v3/apiKey/create", asked), 404, "TRADING_ACCOUNT_NOT_FOUND")
        for path in ("/api/v3/apiKey/list", "/api/v3/audit/list"):
            assert key_id not in json.dumps((await ok(stranger.api.get(path))).body)
    audit: Answer = await ok(trader.api.get("/api/v3/audit/list", kind="API_KEY_CREATED"))
    assert [entry["subject"] for entry in audit.data] == [key_id]
    kinds = {entry["kind"] for entry in (await ok(trader.api.get("/api/v3/audit/list"))).data}
    assert kinds == {"LOG_IN", "CREDENTIAL_CREATED", "API_KEY_CREATED"}

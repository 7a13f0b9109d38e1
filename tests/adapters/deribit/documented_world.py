"""The response examples of the venue's documents, and an HTTP side that answers with them."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast

import msgspec
from tests.adapters.deribit.deribit_world import ACCOUNT, DATA, DERIBIT, LISTED

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.adapters.venues.deribit.parse import AccountScope
from cadenza.adapters.venues.deribit.parse_instruments import read_instruments
from cadenza.adapters.venues.deribit.requests import RpcMessage
from cadenza.adapters.venues.deribit.rest import DeribitRest, result_of
from cadenza.adapters.venues.kit.venue_clock import VenueInstant
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.network.outcomes import Answered, Outcome

RESPONSES: Mapping[str, Any] = json.loads(
    (DATA / "documented-openapi-2.1.1.json").read_text(), parse_float=Decimal, parse_int=Decimal
)
CHANNELS: Mapping[str, Any] = json.loads((DATA / "documented-channels.json").read_text(), parse_float=Decimal)
SIGNER = DeribitSigner(CredentialType.HMAC, Secrets("key", "secret", None))
_encode = msgspec.json.Encoder(decimal_format="number").encode

ANSWERS: Mapping[str, str] = {
    "private/buy": "PrivateBuyAndSellResponse",
    "private/sell": "PrivateBuyAndSellResponse",
    "private/cancel": "PrivateCancelResponse",
    "private/cancel_all_by_instrument": "PrivateCancelAllResponse",
    "private/get_account_summaries": "PrivateAccountSummariesResponse",
    "private/get_open_orders": "PrivateGetOpenOrdersResponse",
    "private/get_order_history_by_currency": "PrivateGetOrderHistoryResponse",
    "private/get_order_state": "PrivateGetOrderStateResponse",
    "private/get_order_state_by_label": "PrivateGetOrderStateByLabelResponse",
    "private/get_positions": "PrivateGetPositionsResponse",
    "private/get_trigger_order_history": "PrivateGetTriggerOrderHistoryResponse",
    "private/get_user_trades_by_currency_and_time": "PrivateGetUserTradesHistoryResponse",
    "private/get_user_trades_by_order": "PrivateGetUserTradesByOrderResponse",
    "private/subscribe": "PrivateSubscribeResponse",
    "public/auth": "PublicAuthResponse",
    "public/get_instruments": "PublicGetInstrumentsResponse",
    "public/get_order_book": "PublicGetOrderBookResponse",
    "public/get_time": "PublicGetTimeResponse",
    "public/set_heartbeat": "OkResponse",
    "public/subscribe": "PrivateSubscribeResponse",
    "public/test": "PublicTestResponse",
    "public/ticker": "PublicTickerResponse",
    "public/unsubscribe": "Getunsubscribe200response",
}
"""The component of the document that describes the answer to each method that the connector calls."""


def body(name: str) -> bytes:
    """An example as the wire would have it."""
    return _encode(RESPONSES[name])


def raw(found: Any) -> msgspec.Raw:
    return msgspec.Raw(_encode(found))


def result(name: str) -> msgspec.Raw:
    return raw(RESPONSES[name]["result"])


def told(channel: str, data: Any) -> bytes:
    """A message of a channel."""
    params = {"channel": channel, "data": data}
    return _encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


def listed(name: str) -> dict[str, Any]:
    """The catalogue's row of an inverse instrument that an example names."""
    base, *rest = name.split("-")
    if len(rest) == 3:
        kind = LISTED["BTC-25DEC26-100000-C"]
        found = {"strike": float(rest[1]), "option_type": {"C": "call", "P": "put"}[rest[2]], "quote_currency": base}
    else:
        kind = LISTED["BTC-PERPETUAL"]
        found = {"settlement_period": "perpetual" if rest == ["PERPETUAL"] else "month"}
    return {**kind, **found, "instrument_name": name, "base_currency": base, "settlement_currency": base}


NAMES = (
    "BTC-PERPETUAL",
    "ETH-PERPETUAL",
    "BTC-26JUN20",
    "BTC-25SEP20",
    "BTC-3SEP21",
    "BTC-9AUG19",
    "BTC-27MAY20-8750-C",
    "BTC-15FEB19-3250-P",
    "BTC-22DEC23-41600-C",
    "BTC-9AUG19-10250-C",
    "BTC-9AUG19-11500-P",
    "BTC-8NOV24-70000-C",
    "BTC-8NOV24-72000-C",
    "BTC-24APR26-72000-C",
)
"""The instruments that the examples name."""

INSTRUMENTS = {
    each.external_symbol: each
    for each in read_instruments(json.dumps([listed(name) for name in NAMES]).encode(), DERIBIT).instruments
}


def scope(type: AccountType = AccountType.FUTURES) -> AccountScope:
    return AccountScope(ACCOUNT, type, INSTRUMENTS)


class DocumentedVenue:
    """Stands for `DeribitRest`: answers each method with the example of its document. `calls` lists what was asked;
    `changed` replaces the result of a method by another one, and `answers` by what a function returns for its
    parameters."""

    def __init__(self, now_ms: int = 1_600_000_000_000) -> None:
        self.calls: list[RpcMessage] = []
        self.changed: dict[str, Any] = {}
        self.answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        self.now_ms = now_ms
        self.clock = self
        self.jumps = 0

    @property
    def rest(self) -> DeribitRest:
        return cast(DeribitRest, self)

    def earliest_ms(self) -> int:
        return self.now_ms

    def usable(self) -> VenueInstant:
        return VenueInstant(self.now_ms, self.now_ms, 0)

    async def measure(self) -> bool:
        return True

    def nonce(self) -> str:
        return "0"

    def note_user(self, signer: DeribitSigner, user: str) -> None: ...

    async def signed(self, signer: DeribitSigner, make: Callable[[Any], RpcMessage], **_: Any) -> Outcome:
        request = make(None)
        self.calls.append(request)
        if request.method in self.answers:
            return Answered(200, {}, _encode({"result": self.answers[request.method](request.params)}))
        if request.method in self.changed:
            return Answered(200, {}, _encode({"result": self.changed[request.method]}))
        return Answered(200, {}, body(ANSWERS[request.method]))

    async def public(self, request: RpcMessage) -> Outcome:
        return await self.signed(SIGNER, lambda _: request)

    async def asked(self, signer: DeribitSigner, request: RpcMessage, *, is_urgent: bool = False) -> msgspec.Raw:
        return result_of(await self.signed(signer, lambda _: request))

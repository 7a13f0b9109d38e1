"""The facts of spot and of cross margin that a probe asks about."""

from collections.abc import Mapping

import msgspec

from cadenza.adapters.venues.binance.endpoints import KEY_RESTRICTIONS, MARGIN_LISTEN_TOKEN, SPOT, BinanceMarket
from cadenza.adapters.venues.binance.models import (
    BinanceKeyRestrictions,
    BinanceMarginAccount,
    BinanceSpotAccount,
    MarginListenToken,
)
from cadenza.adapters.venues.binance.probe_desk import (
    SYMBOL,
    ProbeDesk,
    ProbedOrder,
    success,
    text_of,
)
from cadenza.adapters.venues.binance.spec import SPOT_LIMITS
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.probe import ProbeAsk, SeenOtherwise
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.money import ZERO, to_plain
from cadenza.network.outcomes import Answered


class SpotFacts:
    """Spot. `trades` place orders; one of them is executed, the smallest that the symbol takes."""

    def __init__(self, desk: ProbeDesk) -> None:
        self._desk = desk

    def readings(self) -> Mapping[str, ProbeAsk]:
        desk = self._desk
        return {
            "the venue answers with its time": desk.time,
            "every listed symbol can be read": desk.catalogue,
            "the limits are those that the connector begins with": self._limits,
            "the key is accepted, and the account has an id": self._account,
            "the key may not withdraw": self._rights,
            "a request whose time has passed is refused with -1021": desk.deadline,
            "an order that never was is -2013": desk.unknown_order,
            "a cancel of an order that never was is -2011": desk.unknown_cancel,
        }

    def trades(self) -> Mapping[str, ProbeAsk]:
        desk = self._desk
        return {
            "an order is found by our id as soon as its reply has come": desk.found_at_once,
            "a second order with the id of one that works is refused as a duplicate": desk.duplicate,
            "a canceled order is still found": desk.known_after_end,
            "the id of an order that has ended is taken again": desk.id_is_free_again,
            "a post-only order that would take is refused": lambda: desk.post_only({"type": "LIMIT_MAKER"}),
            "an open order locks what it may spend": self._locks,
            "the reply to a market order has its fills, and they are listed at once": self._fills_in_reply,
        }

    async def _limits(self) -> str:
        found = {(each.type, each.interval, each.count): each.limit for each in self._desk.stated_limits}
        usual = {
            ("REQUEST_WEIGHT", "MINUTE", 1): SPOT_LIMITS.weight_per_minute,
            ("ORDERS", "SECOND", 10): SPOT_LIMITS.orders_per_10_s,
            ("ORDERS", "DAY", 1): SPOT_LIMITS.orders_per_day,
        }
        other = [
            f"{kind} is {found.get(kind)} instead of {limit}"
            for kind, limit in usual.items()
            if found.get(kind) != limit
        ]
        if other:
            raise SeenOtherwise("; ".join(other))
        return ", ".join(str(limit) for limit in usual.values())

    async def _account(self) -> str:
        try:
            uid = decode(BinanceSpotAccount, await self._desk.read(SPOT.account)).uid
        except CredentialRejected as refused:
            raise SeenOtherwise(str(refused)) from refused
        if uid is None:
            raise SeenOtherwise("the account has no uid")
        return f"account {uid}, {self._desk.signer.type.value}"

    async def _rights(self) -> str:
        """No fact of the venue but of the key: the connector needs no such right."""
        rest, signer = self._desk.rest, self._desk.signer
        if not rest.has(BinanceMarket.MARGIN):
            raise VenueUnavailable("the test environment does not state a key's rights")
        rights = decode(
            BinanceKeyRestrictions, await rest.read_signed(BinanceMarket.MARGIN, signer, KEY_RESTRICTIONS, {})
        )
        if rights.can_withdraw:
            raise SeenOtherwise("it may: make a key without the right to withdraw, and delete this one")
        bound = "bound to addresses" if rights.is_bound_to_addresses else "it works from any address: bind it to yours"
        return f"it may not; {bound}"

    async def _locks(self) -> str:
        """So an account with nothing locked has no open orders."""
        desk, quote = self._desk, self._desk.require_market().instrument.quote_asset
        id = await desk.rest_far()
        try:
            account = decode(BinanceSpotAccount, await desk.read(SPOT.account))
        finally:
            await desk.cancel(id)
        locked = next((each.locked for each in account.balances if each.asset == quote), ZERO)
        if not locked:
            raise SeenOtherwise(f"no {quote} was locked beside an order to buy")
        return f"{to_plain(locked)} {quote} were locked"

    async def _fills_in_reply(self) -> str:
        desk, market = self._desk, self._desk.require_market()
        answer = await desk.order(
            "POST",
            {"side": "BUY", "type": "MARKET", "quantity": to_plain(market.quantity_at(market.bid)),
             "newClientOrderId": desk.new_id(), "newOrderRespType": "FULL"},
        )  # fmt: skip
        placed = msgspec.json.decode(success(answer), type=ProbedOrder)
        trades = await desk.read(SPOT.order_trades, {"symbol": SYMBOL, "orderId": placed.order_id})
        listed = len(msgspec.json.decode(trades, type=list[msgspec.Raw]))
        if placed.status != "FILLED" or not placed.fills or listed != len(placed.fills):
            raise SeenOtherwise(f"{placed.status}, {len(placed.fills)} fills in the reply, {listed} listed")
        return f"{listed} of {to_plain(placed.executed)} in all"


class MarginFacts:
    """Cross margin. Nothing is executed, and nothing is borrowed."""

    def __init__(self, desk: ProbeDesk) -> None:
        self._desk = desk

    def readings(self) -> Mapping[str, ProbeAsk]:
        desk = self._desk
        return {
            "margin: the key reaches the account": self._account,
            "margin: a listen token is given without a signature": self._token,
            "margin: its symbols are those of spot": desk.catalogue,
            "margin: an order that never was is -2013": desk.unknown_order,
            "margin: a cancel of an order that never was is -2011": desk.unknown_cancel,
        }

    def trades(self) -> Mapping[str, ProbeAsk]:
        desk = self._desk
        return {
            "margin: an order is found by our id as soon as its reply has come": desk.found_at_once,
            "margin: a second order with the id of one that works is refused as a duplicate": desk.duplicate,
            "margin: a canceled order is still found": desk.known_after_end,
            "margin: a post-only order that would take is refused": lambda: desk.post_only({"type": "LIMIT_MAKER"}),
        }

    async def _account(self) -> str:
        account = decode(BinanceMarginAccount, await self._desk.read(self._desk.endpoints.account))
        return f"{len(account.balances)} assets, trading is {'on' if account.can_trade else 'off'}"

    async def _token(self) -> str:
        desk = self._desk
        outcome = await desk.rest.keyed(BinanceMarket.MARGIN, desk.signer, "POST", MARGIN_LISTEN_TOKEN, {})
        if not isinstance(outcome, Answered):
            raise VenueUnavailable(f"no answer: {outcome.cause.value}")
        if outcome.status != 200:
            raise SeenOtherwise(text_of(outcome))
        return f"a token of {len(decode(MarginListenToken, outcome.body).token)} characters"

"""The facts of USD-M that a probe asks about."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from cadenza.adapters.venues.binance.endpoints import (
    USDM,
    USDM_ACCOUNT_CONFIG,
    USDM_ALGO_ORDER,
    USDM_LISTEN_KEY,
    BinanceMarket,
)
from cadenza.adapters.venues.binance.models_usdm import UsdmAccountConfig, UsdmListenKey, UsdmTrade
from cadenza.adapters.venues.binance.probe_desk import (
    LOOKUP_PAUSE_MS,
    LOOKUP_TRIES,
    SYMBOL,
    ProbeDesk,
    ProbedOrder,
    ProbeParameters,
    is_code,
    success,
    text_of,
)
from cadenza.adapters.venues.binance.spec import GOOD_TILL_MS_MIN
from cadenza.adapters.venues.binance.stream import UserListenKey
from cadenza.adapters.venues.kit.payloads import decode, decode_list
from cadenza.adapters.venues.kit.probe import ProbeAsk, SeenOtherwise
from cadenza.adapters.venues.kit.user_stream import UserStream
from cadenza.domain.errors import VenueUnavailable
from cadenza.domain.money import to_plain
from cadenza.network.outcomes import Answered

NewStream = Callable[[UserListenKey, Callable[[bytes], Awaitable[None]], Callable[[], None]], UserStream]
ALGO_ONLY, GOOD_TILL_TOO_SOON = -4120, -5040
NEWS_MS_MAX = 10_000
FAR_STOP = 5
"""A stop of the probe waits at the ask times this over four."""


class _PlacedAlgo(msgspec.Struct, frozen=True, kw_only=True):
    status: str = msgspec.field(name="algoStatus")


class _GoodTill(msgspec.Struct, frozen=True, kw_only=True):
    good_till_ms: int = msgspec.field(name="goodTillDate")


class UsdmFacts:
    """USD-M. `trades` open a position of the smallest size and close it again; everything else is not executed.
    `new_stream` makes a stream that hands its messages on and calls back when it is live."""

    def __init__(self, desk: ProbeDesk, stream_url: str, new_stream: NewStream) -> None:
        self._desk = desk
        self._stream_url = stream_url
        self._new_stream = new_stream

    def readings(self) -> Mapping[str, ProbeAsk]:
        desk = self._desk
        return {
            "USD-M: the key reaches the account, which states its position mode": self._position_mode,
            "USD-M: the venue answers with its time": desk.time,
            "USD-M: every listed contract can be read": desk.catalogue,
            "USD-M: asking for the listen key again gives the same": self._listen_key,
            "USD-M: a request whose time has passed is refused with -1021": desk.deadline,
            "USD-M: an order that never was is -2013": desk.unknown_order,
            "USD-M: a cancel of an order that never was is -2011": desk.unknown_cancel,
        }

    def trades(self) -> Mapping[str, ProbeAsk]:
        desk = self._desk
        return {
            "USD-M: an order is found by our id as soon as its reply has come": desk.found_at_once,
            "USD-M: a second order with the id of one that works is refused as a duplicate": desk.duplicate,
            "USD-M: a canceled order is still found": desk.known_after_end,
            "USD-M: news of an order come on the private route": self._news,
            "USD-M: a stop at the matching engine is refused with -4120": self._stop_elsewhere,
            "USD-M: a stop at the algo service is found by our id, and can be canceled": self._algo_order,
            "USD-M: a GTD order states when it ends": self._good_till_date,
            "USD-M: a GTD order that ends within 600 s is refused with -5040": self._good_till_too_soon,
            "USD-M: a post-only order that would take is refused": lambda: desk.post_only(
                {"type": "LIMIT", "timeInForce": "GTX"}
            ),
            "USD-M: executions are listed with their commission": self._commission,
        }

    async def _position_mode(self) -> str:
        config = decode(UsdmAccountConfig, await self._desk.read(USDM_ACCOUNT_CONFIG))
        self._desk.of_new_orders = {"positionSide": "LONG"} if config.is_hedged else {}
        return f"{'hedged' if config.is_hedged else 'one-way'}, trading is {'on' if config.can_trade else 'off'}"

    async def _listen_key(self) -> str:
        """The connector never ends a key, because it is the account's and not the session's."""
        desk, keys = self._desk, []
        for _ in range(2):
            outcome = await desk.rest.keyed(BinanceMarket.USDM, desk.signer, "POST", USDM_LISTEN_KEY, {})
            if not isinstance(outcome, Answered):
                raise VenueUnavailable(f"no answer: {outcome.cause.value}")
            keys.append(decode(UsdmListenKey, success(outcome)).key)
        if keys[0] != keys[1]:
            raise SeenOtherwise("it gives another one")
        return f"{len(keys[0])} characters"

    async def _news(self) -> str:
        """A socket on any other route opens as well, and stays silent."""
        id, heard, is_live = self._desk.new_id(), asyncio.Event(), asyncio.Event()

        async def take(data: bytes) -> None:
            if id.encode() in data:
                heard.set()

        opening = UserListenKey(self._stream_url, self._desk.signer, self._desk.rest, self._desk.clock)
        stream = self._new_stream(opening, take, is_live.set)
        stream.start()
        try:
            async with asyncio.timeout(NEWS_MS_MAX / 1_000):
                await is_live.wait()
            success(await self._desk.place_far(id))
            started_ms = self._desk.clock.monotonic_ms()
            try:
                async with asyncio.timeout(NEWS_MS_MAX / 1_000):
                    await heard.wait()
            except TimeoutError:
                raise SeenOtherwise(f"nothing came for {NEWS_MS_MAX // 1_000} s after the reply") from None
            finally:
                await self._desk.cancel(id)
            return f"{self._desk.clock.monotonic_ms() - started_ms} ms after its reply"
        except TimeoutError:
            raise VenueUnavailable("the stream does not open") from None
        finally:
            await stream.close()

    async def _stop_elsewhere(self) -> str:
        stop = {**self._stop(), "stopPrice": self._stop_price(), "newClientOrderId": self._desk.new_id()}
        return is_code(await self._desk.order("POST", stop), ALGO_ONLY)

    async def _algo_order(self) -> str:
        desk, id = self._desk, self._desk.new_id()
        placed = {"algoType": "CONDITIONAL", **self._stop(), "triggerPrice": self._stop_price(), "clientAlgoId": id}
        success(await desk.order("POST", placed, USDM_ALGO_ORDER))
        try:
            found = await self._algo_status(id)
        finally:
            success(await desk.order("DELETE", {"clientAlgoId": id}, USDM_ALGO_ORDER))
        ended = await self._algo_status(id)
        if (found, ended) != ("NEW", "CANCELED"):
            raise SeenOtherwise(f"it is {found}, and {ended} after its cancel")
        return f"{found}, then {ended}"

    async def _algo_status(self, id: str) -> str:
        """Return how a conditional order stands; the service may know it a moment after its reply only."""
        for _ in range(LOOKUP_TRIES):
            answer = await self._desk.order("GET", {"clientAlgoId": id}, USDM_ALGO_ORDER)
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=_PlacedAlgo).status
            await self._desk.clock.sleep_ms(LOOKUP_PAUSE_MS)
        raise SeenOtherwise(text_of(answer))

    async def _good_till_date(self) -> str:
        id = self._desk.new_id()
        ends_ms = (self._desk.clock.now_ms() // 1_000 + 3_600) * 1_000
        success(await self._desk.place_far(id, {"timeInForce": "GTD", "goodTillDate": ends_ms}))
        try:
            found = msgspec.json.decode(success(await self._desk.ask_about(id)), type=_GoodTill).good_till_ms
        finally:
            await self._desk.cancel(id)
        if found != ends_ms:
            raise SeenOtherwise(f"{found} instead of {ends_ms}")
        return str(found)

    async def _good_till_too_soon(self) -> str:
        id, soon_ms = self._desk.new_id(), self._desk.clock.now_ms() + GOOD_TILL_MS_MIN // 2
        answer = await self._desk.place_far(id, {"timeInForce": "GTD", "goodTillDate": soon_ms})
        if answer.status == 200:
            await self._desk.cancel(id)
        return is_code(answer, GOOD_TILL_TOO_SOON)

    async def _commission(self) -> str:
        opened = await self._execute("BUY")
        try:
            body = await self._desk.read(USDM.order_trades, {"symbol": SYMBOL, "orderId": opened.order_id})
        finally:
            await self._close()
        trades = decode_list(UsdmTrade, body)
        if opened.status != "FILLED" or not trades or sum(each.quantity for each in trades) != opened.executed:
            raise SeenOtherwise(f"{opened.status}, {len(trades)} executions listed")
        return ", ".join(f"{to_plain(each.commission)} {each.commission_asset}" for each in trades)

    async def _close(self) -> None:
        try:
            status = (await self._execute("SELL")).status
        except (SeenOtherwise, VenueUnavailable) as error:
            status = str(error)
        if status != "FILLED":
            raise SeenOtherwise(f"a position in {SYMBOL} was opened and not closed, close it by hand: {status}")

    async def _execute(self, side: str) -> ProbedOrder:
        market = self._desk.require_market()
        answer = await self._desk.order(
            "POST",
            {"side": side, "type": "MARKET", "quantity": to_plain(market.quantity_at(market.bid)),
             "newClientOrderId": self._desk.new_id(), "newOrderRespType": "RESULT"},
        )  # fmt: skip
        return msgspec.json.decode(success(answer), type=ProbedOrder)

    def _stop(self) -> ProbeParameters:
        market = self._desk.require_market()
        quantity = to_plain(market.quantity_at(market.bid))
        return {"side": "BUY", "type": "STOP_MARKET", "quantity": quantity}

    def _stop_price(self) -> str:
        market = self._desk.require_market()
        pip = market.instrument.pip_size
        return to_plain((market.ask * FAR_STOP // 4 // pip) * pip)

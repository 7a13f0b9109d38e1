"""What a probe of OKX asks with: requests about orders of one pair, and what their answers say.

The orders of a probe are named by ids of its own (`PROBE_PREFIX`), rest far from the market, and are canceled again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from itertools import count

from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.probe import SeenOtherwise
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.request_instant import RequestInstant
from cadenza.adapters.venues.okx.classify import (
    HTTP_SERVER_ERROR,
    OkxAnswer,
    answer_of,
    classify_query,
    classify_submit,
    order_answer_of,
)
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.endpoints import BOOKS, CANCEL, QUERY, SUBMIT, SUBMIT_ALGO, OkxEndpoint
from cadenza.adapters.venues.okx.models import OkxBook
from cadenza.adapters.venues.okx.parse import rows_of
from cadenza.adapters.venues.okx.parse_market import levels
from cadenza.adapters.venues.okx.requests import Fields, OkxRequest
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.enums import RejectReason
from cadenza.network.outcomes import Answered
from cadenza.ports.clock import Clock

PROBE_PREFIX = "CadenzaProbe"
PAIR = "BTC-USDT"
FAR = Decimal("0.8")
"""A resting order of the probe is placed at this part of the best bid."""

_ENOUGH = Decimal("1.1")
_MONEY_MISSING = (RejectReason.INSUFFICIENT_BALANCE, RejectReason.INSUFFICIENT_MARGIN)
_POSTED = frozenset({SUBMIT, SUBMIT_ALGO})


@dataclass(frozen=True, slots=True)
class PairPrices:
    """The pair that the probe trades, with its best prices."""

    instrument: Instrument
    bid: Decimal
    ask: Decimal

    @property
    def far_price(self) -> Decimal:
        return self._step(self.bid * FAR)

    @property
    def taking_price(self) -> Decimal:
        """So far through the book that it takes although the market moves meanwhile."""
        return self._step(self.ask * Decimal("1.005")) + 10 * self.instrument.pip_size

    @property
    def enough(self) -> Decimal:
        """What the dearest order costs, with its fee and a reserve, in whole units of the quote asset."""
        return (self.instrument.min_quantity * self.ask * _ENOUGH).quantize(Decimal(1), ROUND_UP)

    def _step(self, price: Decimal) -> Decimal:
        return price // self.instrument.pip_size * self.instrument.pip_size


class PairDesk:
    """The pair, asked with one key. `trade_mode` is the venue's word for how the account trades it."""

    def __init__(self, rest: OkxRest, signer: OkxSigner, clock: Clock) -> None:
        self.rest = rest
        self.signer = signer
        self.trade_mode = ""
        self._prices: PairPrices | None = None
        self._run = clock.now_ms() % 10**10
        self._numbers = count(1)

    def new_id(self) -> str:
        return f"{PROBE_PREFIX}{self._run}n{next(self._numbers)}"

    async def look_at(self, instrument: Instrument) -> None:
        """Remember the pair with its best prices, if it has any."""
        (row,) = rows_of(await self.rest.read(BOOKS, {"instId": PAIR, "sz": "1"}))
        book = decode(OkxBook, row)
        bids, asks = levels(book.bids, instrument), levels(book.asks, instrument)
        if bids and asks:
            self._prices = PairPrices(instrument, bids[0][0], asks[0][0])

    def require_prices(self) -> PairPrices:
        """Raises `VenueUnavailable`."""
        if self._prices is None:
            raise VenueUnavailable(f"{PAIR} has no prices here")
        if not self.trade_mode:
            raise VenueUnavailable("it is not known how the account trades")
        return self._prices

    async def rest_far(self) -> str:
        """Place an order that rests, and return its id."""
        id = self.new_id()
        success(await self.place_far(id))
        return id

    async def place_far(self, id: str, expires_in_ms: int | None = None) -> OkxAnswer:
        words = {"ordType": "limit", "px": to_plain(self.require_prices().far_price)}
        return await self.buy(id, words, expires_in_ms=expires_in_ms)

    async def buy(self, id: str, words: Fields, *, expires_in_ms: int | None = None) -> OkxAnswer:
        """Place an order for the smallest quantity. Raises `VenueUnavailable` when the account cannot pay for it: that
        says nothing about the venue."""
        body = {**self._bought(), "clOrdId": id, **words}
        return await self.ask(SUBMIT, body=body, expires_in_ms=expires_in_ms)

    async def buy_later(self, id: str, age_ms: int = 0) -> OkxAnswer:
        """Place a conditional order whose trigger is far above the market, by a request that is so old."""
        prices = self.require_prices()
        trigger = to_plain(prices.taking_price + prices.ask // prices.instrument.pip_size * prices.instrument.pip_size)
        words = {"ordType": "conditional", "slTriggerPx": trigger, "slOrdPx": "-1", "slTriggerPxType": "last"}
        body = {**self._bought(), "algoClOrdId": id, "tgtCcy": "base_ccy", **words}
        return await self.ask(SUBMIT_ALGO, body=body, age_ms=age_ms)

    async def cancel(self, id: str) -> OkxAnswer:
        return await self.ask(CANCEL, body={"instId": PAIR, "clOrdId": id})

    async def look_up(self, id: str) -> OkxAnswer:
        return await self.ask(QUERY, query={"instId": PAIR, "clOrdId": id})

    async def ask(
        self,
        endpoint: OkxEndpoint,
        *,
        query: Mapping[str, str] | None = None,
        body: Fields | Sequence[Fields] | None = None,
        age_ms: int = 0,
        expires_in_ms: int | None = None,
    ) -> OkxAnswer:
        """Return the venue's answer. Raises when it says nothing about the fact: the key was not accepted
        (`CredentialRejected`), or the venue did not process the request (`VenueUnavailable`)."""

        def make(time: RequestInstant) -> OkxRequest:
            return OkxRequest(
                method=endpoint.method,
                path=endpoint.path,
                query=query or {},
                body=body,
                expires_ms=None if expires_in_ms is None else time.venue_ms + expires_in_ms,
                timestamp_ms=time.venue_ms - age_ms,
            )

        outcome = await self.rest.signed(self.signer, endpoint, make, instrument=PAIR)
        if not isinstance(outcome, Answered):
            raise VenueUnavailable(f"no answer: {outcome.cause.value}")
        answer = (answer_of if endpoint.method == "GET" else order_answer_of)(outcome.body)
        verdict = classify_query(outcome.status, answer)
        if verdict.verdict is ReplyVerdict.KEY_REJECTED:
            raise CredentialRejected(f"the key is not accepted: {verdict.text}")
        is_processed = outcome.status < HTTP_SERVER_ERROR and verdict.verdict is not ReplyVerdict.RATE_LIMITED
        if answer is None or not is_processed:
            raise VenueUnavailable(f"the venue did not process it: {verdict.text}")
        if endpoint in _POSTED and classify_submit(outcome.status, answer).reason in _MONEY_MISSING:
            enough = to_plain(self.require_prices().enough)
            raise VenueUnavailable(f"{answer.said} Put {enough} USDT into the trading account.")
        return answer

    def _bought(self) -> dict[str, str | bool]:
        quantity = to_plain(self.require_prices().instrument.min_quantity)
        return {"instId": PAIR, "tdMode": self.trade_mode, "side": "buy", "sz": quantity}


def is_code(answer: OkxAnswer, *codes: str) -> str:
    """Return the refusal with one of these codes. Raises `SeenOtherwise` for any other answer."""
    if answer.code not in codes:
        raise SeenOtherwise(answer.said)
    return answer.said


def success(answer: OkxAnswer) -> OkxAnswer:
    """Raises `SeenOtherwise` for a refusal."""
    if not answer.is_success:
        raise SeenOtherwise(answer.said)
    return answer

"""Verifies that a played-back recording equals the recorded market, and that orders fill as that market allows.

Two books are kept from the first snapshot. One is the book that the platform keeps of every venue
(`domain/market/order_book`); it gets the depth stream only. The other is in PAPER's matching engine; it gets the
commands of the played-back market, which also uses the best-price messages. The two streams describe the same market
independently and share its update ids, so each can be compared with the other.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal

from cadenza.adapters.venues.paper.market.playback import (
    PlayedBook,
    recorded_instrument,
    script,
)
from cadenza.adapters.venues.paper.market.recording import (
    BookImage,
    BookTicker,
    DepthUpdate,
    Header,
    IntLevel,
    Message,
    Recording,
)
from cadenza.adapters.venues.paper.market.source import MarketCommand
from cadenza.domain.market.book_messages import BookDelta, BookSnapshot, Level
from cadenza.domain.market.book_rule import BookRule, BookSpec, Continuity
from cadenza.domain.market.enums import Side
from cadenza.domain.market.order_book import LEVELS_PER_SIDE_MAX, BookOutcome, OrderBook
from cadenza.exchange import (
    EngineTimeInForce,
    Filled,
    MatchingEngine,
    NewOrder,
    OrderKind,
    PublicTrade,
    ResetMarket,
    SetLevel,
)

_BOOKS = BookSpec(rule=BookRule(continuity=Continuity.RANGE), age_ms_max=None, depth=LEVELS_PER_SIDE_MAX)
_BEST_LEVELS = 100
_ALL_LEVELS_EVERY_UPDATES = 25
_MARKET_ORDER_EVERY_UPDATES = 40
_MARKET_ORDER_SIZES = (Decimal("0.001"), Decimal("0.25"), Decimal(2), Decimal(15))
_LIMIT_ORDER_EVERY_UPDATES = 10
_LIMIT_ORDER_SIZE = Decimal("0.02")
_ACCOUNT = "sample"

RULES = (
    (
        "At every best-price message after the snapshot, the played book's best bid and ask equal the message: "
        "two prices, two quantities."
    ),
    (
        "At every depth update, the order book, fed with depth updates alone, has as its best bid and ask those of the "
        "newest best-price message whose update id is not above the update's last id: two prices, two quantities."
    ),
    (
        f"At every depth update that no best-price message has overtaken, the best {_BEST_LEVELS} levels a side of the "
        f"two books are equal; at every {_ALL_LEVELS_EVERY_UPDATES}th, all levels."
    ),
    "A market order fills at exactly the prices and quantities of the recorded levels that it walks.",
    (
        "A waiting limit order fills as maker at its own price, and only when a recorded trade of the other side, at "
        "its price or through it, or a recorded level of the other side that reaches it, is there to fill it: never "
        "more than that had."
    ),
)


class Mismatch(Exception):
    """The played-back market contradicts the recording; the message says where."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How often each of `RULES` was checked. Every check passed, because the first failure raises `Mismatch`."""

    messages: int = 0
    best_price_messages: int = 0
    depth_updates: int = 0
    equal_books: int = 0
    equal_levels: int = 0
    market_orders: int = 0
    market_order_fills: int = 0
    limit_orders: int = 0
    limit_order_fills_by_trades: int = 0
    limit_order_fills_by_levels: int = 0


@dataclass(slots=True)
class _Tops:
    """The best-price messages so far, by update id."""

    ids: list[int] = field(default_factory=list)
    tickers: list[BookTicker] = field(default_factory=list)

    def add(self, ticker: BookTicker) -> None:
        self.ids.append(ticker.update_id)
        self.tickers.append(ticker)

    def at(self, update_id: int) -> BookTicker | None:
        index = bisect_right(self.ids, update_id)
        return self.tickers[index - 1] if index else None


def verify(recording: Recording) -> Verdict:
    """Play the whole recording once and check every rule. Raises `Mismatch`, or `RecordingError` as the market does."""
    return _Verification(recording).run()


class _Verification:
    def __init__(self, recording: Recording) -> None:
        self._header = recording.header
        self._script = script(recording.messages)
        self._verdict = Verdict()
        self._played = PlayedBook()
        self._engine = MatchingEngine()
        self._limits = _LimitOrders(recording.header, self._verdict)
        self._kept = OrderBook(recorded_instrument(recording.header).id, _BOOKS)
        self._early: list[DepthUpdate] = []
        self._tops = _Tops()

    def run(self) -> Verdict:
        for time_us, message in self._script:
            self._verdict.messages += 1
            commands = self._played.play(message, time_us // 1_000)
            for command in commands:
                self._engine.apply(command)
                self._limits.apply(command)
            self._check(message)
        return self._verdict

    def _check(self, message: Message) -> None:
        match message:
            case BookImage():
                self._restart(message)
            case DepthUpdate() if self._played.last_update_id is None:
                self._early.append(message)
            case DepthUpdate():
                self._check_update(message)
            case BookTicker():
                self._tops.add(message)
                if self._played.last_update_id is not None:
                    self._check_ticker(message)

    # The books

    def _restart(self, image: BookImage) -> None:
        snapshot = BookSnapshot(
            instrument_id=recorded_instrument(self._header).id,
            bids=_decimal_levels(image.bids),
            asks=_decimal_levels(image.asks),
            sequence=image.last_update_id,
            at_ms=0,
        )
        self._kept.reset(snapshot)
        early, self._early = self._early, []
        for update in early:
            self._follow(update)

    def _follow(self, update: DepthUpdate) -> None:
        delta = BookDelta(
            instrument_id=recorded_instrument(self._header).id,
            bids=_decimal_levels(update.bids),
            asks=_decimal_levels(update.asks),
            first_sequence=update.first_id,
            sequence=update.last_id,
            at_ms=update.at_ms,
        )
        outcome = self._kept.apply(delta)
        if outcome not in (BookOutcome.APPLIED, BookOutcome.DUPLICATE):
            raise Mismatch(f"depth update {update.first_id}..{update.last_id}: {outcome.value}")

    def _check_ticker(self, ticker: BookTicker) -> None:
        self._verdict.best_price_messages += 1
        shown = (
            self._engine.market_depth(Side.BUY, 1),
            self._engine.market_depth(Side.SELL, 1),
        )
        if shown != ([ticker.bid], [ticker.ask]):
            raise Mismatch(
                f"best-price message {ticker.update_id}: {ticker.bid}, {ticker.ask} recorded, {shown} played"
            )

    def _check_update(self, update: DepthUpdate) -> None:
        self._follow(update)
        top = self._tops.at(update.last_id)
        if top is not None:
            self._verdict.depth_updates += 1
            recorded = _decimal_levels((top.bid, top.ask))
            kept = self._kept.best_bid(), self._kept.best_ask()
            if kept != recorded:
                raise Mismatch(f"depth update {update.last_id}: {recorded} recorded as best, {kept} kept")
        if self._played.is_ahead:
            return
        self._compare_levels(update)
        if self._verdict.equal_books % _MARKET_ORDER_EVERY_UPDATES == 0:
            self._try_market_order()
        if self._verdict.equal_books % _LIMIT_ORDER_EVERY_UPDATES == 0:
            self._limits.place(self._engine)

    def _compare_levels(self, update: DepthUpdate) -> None:
        is_whole = self._verdict.equal_books % _ALL_LEVELS_EVERY_UPDATES == 0
        depth = LEVELS_PER_SIDE_MAX if is_whole else _BEST_LEVELS
        self._verdict.equal_books += 1
        for side, levels in self._kept_levels(depth).items():
            self._verdict.equal_levels += len(levels)
            if levels != self._engine.market_depth(side, depth):
                raise Mismatch(f"depth update {update.last_id}: the {side.value} sides of the two books differ")

    def _kept_levels(self, depth: int) -> dict[Side, list[IntLevel]]:
        kept = self._kept.snapshot(depth)
        if kept is None:
            raise Mismatch("the order book is stale")
        return {side: _int_levels(levels) for side, levels in ((Side.BUY, kept.bids), (Side.SELL, kept.asks))}

    # Market orders

    def _try_market_order(self) -> None:
        """Check a market order on a copy of the engine, so that every order meets an untouched market."""
        number = self._verdict.market_orders
        side = Side.BUY if number % 2 else Side.SELL
        quantity = int(_MARKET_ORDER_SIZES[number // 2 % len(_MARKET_ORDER_SIZES)] / self._header.lot_size)
        engine = MatchingEngine()
        engine.restore(self._engine.snapshot())
        events = engine.apply(_order(f"market {number}", side, OrderKind.MARKET, quantity, None))
        filled = [(event.price, event.quantity) for event in events if isinstance(event, Filled)]
        expected = self._walk(side, quantity)
        if filled != expected:
            raise Mismatch(f"market order {number}: filled {filled}, the recorded book gives {expected}")
        self._verdict.market_orders += 1
        self._verdict.market_order_fills += len(filled)

    def _walk(self, side: Side, quantity: int) -> list[IntLevel]:
        walked: list[IntLevel] = []
        for price, available in self._kept_levels(LEVELS_PER_SIDE_MAX)[side.opposite]:
            if not quantity:
                break
            walked.append((price, min(quantity, available)))
            quantity -= walked[-1][1]
        return walked


class _LimitOrders:
    """Limit orders that rest at the best prices, in a separate engine with the same market."""

    def __init__(self, header: Header, verdict: Verdict) -> None:
        self._quantity = int(_LIMIT_ORDER_SIZE / header.lot_size)
        self._verdict = verdict
        self._engine = MatchingEngine()
        self._limits: dict[str, tuple[Side, int]] = {}

    def place(self, market: MatchingEngine) -> None:
        """Place one post-only order on each side, at the market's best price. The engine rejects one that would
        take."""
        for side, price in (
            (Side.BUY, market.best_bid()),
            (Side.SELL, market.best_ask()),
        ):
            if price is None:
                continue
            order_id = f"limit {len(self._limits)}"
            self._limits[order_id] = (side, price)
            self._engine.apply(_order(order_id, side, OrderKind.LIMIT, self._quantity, price))
            self._verdict.limit_orders += 1

    def apply(self, command: MarketCommand) -> None:
        events = self._engine.apply(command)
        fills = [event for event in events if isinstance(event, Filled)]
        if not fills:
            return
        for fill in fills:
            self._check_price(fill, command)
        if isinstance(command, ResetMarket):
            return
        if sum(fill.quantity for fill in fills) > command.quantity:
            raise Mismatch(f"{command} filled more than it had: {fills}")
        if isinstance(command, PublicTrade):
            self._verdict.limit_order_fills_by_trades += len(fills)
        else:
            self._verdict.limit_order_fills_by_levels += len(fills)

    def _check_price(self, fill: Filled, command: MarketCommand) -> None:
        side, limit = self._limits[fill.order_id]
        if not fill.is_maker or fill.price != limit or not _reaches(command, side, limit):
            raise Mismatch(f"{fill} is not justified by {command}")


def _reaches(command: MarketCommand, side: Side, limit: int) -> bool:
    """Whether the market's command can trade with a resting order of `side` at `limit`."""
    match command:
        case PublicTrade():
            return command.aggressor_side is not side and (limit - command.price) * side.sign >= 0
        case SetLevel():
            return command.side is not side and (limit - command.price) * side.sign >= 0
        case ResetMarket():
            opposite = command.asks if side is Side.BUY else command.bids
            return any((limit - price) * side.sign >= 0 for price, _ in opposite)


def _order(order_id: str, side: Side, kind: OrderKind, quantity: int, limit_price: int | None) -> NewOrder:
    is_market = kind is OrderKind.MARKET
    return NewOrder(
        order_id=order_id,
        account_id=_ACCOUNT,
        side=side,
        kind=kind,
        quantity=quantity,
        limit_price=limit_price,
        stop_price=None,
        trail_distance=None,
        time_in_force=EngineTimeInForce.IOC if is_market else EngineTimeInForce.GTX,
        expire_at_ms=None,
        at_ms=0,
    )


def _decimal_levels(levels: tuple[IntLevel, ...]) -> tuple[Level, ...]:
    """Return levels for the order book, which needs Decimals. They stay in ticks and lots, so that both books have the
    same units."""
    return tuple((Decimal(price), Decimal(quantity)) for price, quantity in levels)


def _int_levels(levels: tuple[Level, ...]) -> list[IntLevel]:
    return [(int(price), int(quantity)) for price, quantity in levels]

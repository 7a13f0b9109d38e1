"""Public REST: lists, tickers, books and trades."""

from __future__ import annotations

from cadenza.domain.money import to_plain
from cadenza.simulators.bitfinex.public.market_rows import MarketRows, tape_row
from cadenza.simulators.bitfinex.public.views import LENGTHS, PRECISIONS, RAW, BookViews
from cadenza.simulators.bitfinex.symbols import CURRENCIES, NAMES, OTHER_NAMES, UNDERLYING, BitfinexSymbol
from cadenza.simulators.bitfinex.trading.exchange import BitfinexExchange
from cadenza.simulators.bitfinex.wire.errors import BitfinexRefusal, invalid
from cadenza.simulators.bitfinex.wire.numbers import number
from cadenza.simulators.bitfinex.wire.params import BitfinexParams

TRADES_USUAL, TRADES_MAX = 125, 10_000


class PublicRequests:
    """Answers what needs no key. `in_maintenance` is what the platform's status says."""

    def __init__(self, exchange: BitfinexExchange, views: BookViews, rows: MarketRows) -> None:
        self._exchange = exchange
        self._views = views
        self._rows = rows
        self.in_maintenance = False

    def status(self) -> list[object]:
        return [0 if self.in_maintenance else 1]

    def configuration(self, keys: str) -> list[object]:
        """Return one list for each key; keys that have none give an empty one."""
        return [self._list(key) for key in keys.split(",")]

    def ticker(self, name: str) -> list[object]:
        return self._rows.ticker(self._named(name).name)

    def tickers(self, params: BitfinexParams) -> list[object]:
        asked = params.text("symbols")
        if not asked:
            raise invalid("symbols")
        names = list(self._exchange.symbols) if asked == "ALL" else asked.split(",")
        return [[name, *self._rows.ticker(name)] for name in names if name in self._exchange.symbols]

    def book(self, name: str, precision: str, params: BitfinexParams) -> list[object]:
        symbol, length = self._named(name), params.number("len", 25)
        if precision not in PRECISIONS and precision != RAW:
            raise invalid("precision")
        if length not in LENGTHS:
            raise invalid("len")
        return [line.row() for line in self._views.lines(symbol.name, precision, length)]

    def trades(self, name: str, params: BitfinexParams) -> list[object]:
        """Return trades, the latest first unless `sort` is 1."""
        start, end = params.integer("start"), params.integer("end")
        limit = params.number("limit", TRADES_USUAL)
        if not 1 <= limit <= TRADES_MAX:
            raise invalid("limit")
        tape = [
            trade
            for trade in self._rows.tapes[self._named(name).name]
            if (start is None or trade.at_ms >= start) and (end is None or trade.at_ms <= end)
        ]
        if params.values.get("sort") not in ("1", 1):
            tape.reverse()
        return [tape_row(trade) for trade in tape[:limit]]

    def derivatives(self, params: BitfinexParams, now_ms: int) -> list[object]:
        asked = params.text("keys")
        names = [name for name, symbol in self._exchange.symbols.items() if symbol.is_derivative]
        wanted = names if asked in ("", "ALL") else [name for name in asked.split(",") if name in names]
        return [[name, *self._rows.derivative(name, now_ms)] for name in wanted]

    def _named(self, name: str) -> BitfinexSymbol:
        symbol = self._exchange.symbols.get(name)
        if symbol is None:
            raise invalid("symbol")
        return symbol

    def _list(self, key: str) -> list[object]:
        symbols = self._exchange.symbols.values()
        spot = [symbol for symbol in symbols if not symbol.is_derivative]
        derivatives = [symbol for symbol in symbols if symbol.is_derivative]
        match key:
            case "pub:list:pair:exchange":
                return [symbol.pair for symbol in spot]
            case "pub:list:pair:margin":
                return [symbol.pair for symbol in spot if symbol.is_margin]
            case "pub:list:pair:futures":
                return [symbol.pair for symbol in derivatives]
            case "pub:list:pair:securities":
                return []
            case "pub:list:currency":
                return list(CURRENCIES)
            case "pub:list:currency:margin":
                codes = {code for symbol in spot if symbol.is_margin for code in (symbol.base, symbol.quote)}
                return [*sorted(codes)]
            case "pub:info:pair":
                return [[symbol.pair, _limits(symbol)] for symbol in spot]
            case "pub:info:pair:futures":
                return [[symbol.pair, _limits(symbol)] for symbol in derivatives]
            case "pub:map:currency:label":
                return [[code, name] for code, name in NAMES.items()]
            case "pub:map:currency:sym":
                return [[code, name] for code, name in OTHER_NAMES.items()]
            case "pub:map:currency:undl":
                return [[code, underlying] for code, underlying in UNDERLYING.items()]
            case _ if key.startswith(("pub:map:", "pub:info:", "pub:list:")):
                return []
        raise BitfinexRefusal(10020, "conf: invalid")


def _limits(symbol: BitfinexSymbol) -> list[object]:
    """Return the limits of a pair: 3 least and 4 most amount, 8 initial and 9 maintenance margin."""
    limits: list[object] = [None] * 12
    limits[3], limits[4] = to_plain(symbol.least), to_plain(symbol.most)
    limits[8], limits[9] = number(symbol.initial_margin), number(symbol.maintenance_margin)
    return limits

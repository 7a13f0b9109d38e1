"""Names of instruments: the venue's and ours. Each follows from the other, so an instrument that was never read can be
named as well."""

from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import InstrumentId

PERPETUAL = "PERPETUAL"
PERPETUAL_SUFFIX = "-PERP"
_INVERSE_QUOTE = "USD"
_LENGTH_MAX = 100


def external_name(id: InstrumentId) -> str:
    """Return the venue's name of an instrument of ours, listed or not: `DERIBIT:BTC/USD-PERP` is `BTC-PERPETUAL`,
    `DERIBIT:ETH/USDC` is `ETH_USDC`."""
    base, _, rest = id.partition(":")[2].partition("/")
    quote, mark, tail = rest.partition("-")
    if not mark:
        return f"{base}_{quote}"
    stem = base if quote == _INVERSE_QUOTE else f"{base}_{quote}"
    return f"{stem}-{PERPETUAL if mark + tail == PERPETUAL_SUFFIX else tail}"


def symbol_of(name: str) -> str:
    """Return our symbol of an instrument of the venue; the reverse of `external_name`. Raises `UnreadablePayload`."""
    stem, mark, tail = name.partition("-")
    base, line, quote = stem.partition("_")
    is_named = is_name(base) and (is_name(quote) if line else bool(mark)) and (is_name(tail) if mark else True)
    if not is_named or (mark and quote == _INVERSE_QUOTE) or tail == PERPETUAL_SUFFIX[1:]:
        raise UnreadablePayload(f"{name[:_LENGTH_MAX]!r} is no name of an instrument")
    pair = f"{base}/{quote or _INVERSE_QUOTE}"
    return pair if not mark else f"{pair}{PERPETUAL_SUFFIX if tail == PERPETUAL else f'-{tail}'}"


def currencies_of(name: str) -> tuple[str, ...]:
    """Return the currencies under which the venue lists the orders of an instrument, by its name: that in which it is
    settled. The documents do not say it of a pair, so both of its assets are asked for."""
    stem, mark, _ = name.partition("-")
    base, line, quote = stem.partition("_")
    if not line:
        return (base,)
    return (quote,) if mark else (base, quote)


def is_name(name: str) -> bool:
    """Whether a text can be a name. What would break an id or a line is refused."""
    return 0 < len(name) <= _LENGTH_MAX and name.isprintable() and not set(name) & set(" :/,.")

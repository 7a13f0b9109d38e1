"""The names of channels."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from cadenza.adapters.realtime.codes import UNKNOWN_CHANNEL, Refusal
from cadenza.domain.ids import InstrumentId, TradingAccountId

INSTRUMENT_ID_CHARS_MAX = 100


class ChannelKind(StrEnum):
    ACCOUNT = "tradingAccount"
    ORDER_BOOK = "market:orderBook"
    TRADE = "market:trade"


_KIND_BY_PREFIX = {
    "tradingAccount:": ChannelKind.ACCOUNT,
    "market:orderBook:": ChannelKind.ORDER_BOOK,
    "market:orderbook:": ChannelKind.ORDER_BOOK,
    "market:trade:": ChannelKind.TRADE,
}


@dataclass(frozen=True, slots=True)
class Channel:
    """What a client calls a channel, and what it is about. Publications go out under `name`, which is as spelled."""

    name: str
    kind: ChannelKind
    subject: str

    @property
    def account_id(self) -> TradingAccountId:
        """The account of an ACCOUNT channel."""
        return TradingAccountId(UUID(self.subject))

    @property
    def instrument_id(self) -> InstrumentId:
        """The instrument of the other kinds; it contains `:` and `/`."""
        return InstrumentId(self.subject)


def parse_channel(name: str) -> Channel:
    """Return the channel of a name; raise `Refusal` (102) for any other name."""
    for prefix, kind in _KIND_BY_PREFIX.items():
        if name.startswith(prefix):
            subject = name[len(prefix) :]
            is_sound = _is_uuid(subject) if kind is ChannelKind.ACCOUNT else 0 < len(subject) <= INSTRUMENT_ID_CHARS_MAX
            if is_sound:
                return Channel(name, kind, subject)
    raise Refusal(UNKNOWN_CHANNEL)


def name_of(account_id: TradingAccountId) -> str:
    """Return the name of an account's channel."""
    return f"tradingAccount:{account_id}"


def trade_channel(instrument_id: InstrumentId) -> str:
    """Return the name of the channel of an instrument's trades."""
    return f"market:trade:{instrument_id}"


def book_channels(instrument_id: InstrumentId) -> tuple[str, ...]:
    """Return the names that the channel of an instrument's book has."""
    return (f"market:orderBook:{instrument_id}", f"market:orderbook:{instrument_id}")


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

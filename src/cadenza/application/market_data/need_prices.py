"""Have fresh prices where something is about to be valued: books are open only while somebody needs them."""

from collections.abc import Iterable

from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.ports.concurrency import Concurrency

AT_ONCE_MAX = 200
"""Instruments that a caller waits for; the books of more are opened by reading them, for the next time."""


class NeedPrices:
    """To be called before a decision or a valuation. It waits a bounded time and raises nothing: a reader of the price
    finds it afterwards, or finds none and says so."""

    def __init__(self, *, books: KeepBook, concurrency: Concurrency) -> None:
        self._books = books
        self._concurrency = concurrency

    async def of_order(self, request: SubmitOrderRequest) -> None:
        """Open the book of an order without a limit price: what it costs is known from the market only."""
        if request.limit_price is None:
            await self._ensure(request.instrument_id)

    async def of_instruments(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """Open the books of instruments, all at the same time."""
        wanted = list(dict.fromkeys(instrument_ids))[:AT_ONCE_MAX]
        await self._concurrency.gather(*map(self._ensure, wanted))

    async def _ensure(self, instrument_id: InstrumentId) -> None:
        try:
            await self._books.ensure_open(instrument_id)
        except CadenzaError:
            return  # the instrument or its venue is not there: the decision says what that means for it

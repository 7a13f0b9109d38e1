"""Have fresh prices where something is about to be valued: books are open only while somebody needs them."""

from collections.abc import Callable, Iterable

from cadenza.application.market_data.keep_book import KeepBook
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.commands import SubmitOrderRequest
from cadenza.ports.concurrency import Concurrency

AT_ONCE_MAX = 200
"""Instruments whose books are opened for a caller at the same time; those of more come after them."""

VALUATION_WAIT_MS_MAX = 5_000
"""A valuation waits at most this long for all the prices that it needs; the books of the rest open meanwhile."""


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
        """Open the books of instruments, `AT_ONCE_MAX` at a time."""
        wanted = list(dict.fromkeys(instrument_ids))
        for start in range(0, len(wanted), AT_ONCE_MAX):
            await self._concurrency.gather(*map(self._ensure, wanted[start : start + AT_ONCE_MAX]))

    async def of_valuation(self, needed: Callable[[], Iterable[InstrumentId]]) -> None:
        """Open the books of the instruments that `needed` returns, then ask it again, and go on while it returns
        others: where a venue's book does not come, another venue's may value the same asset. It waits
        `VALUATION_WAIT_MS_MAX` at most, however many there are."""
        await self._concurrency.within(VALUATION_WAIT_MS_MAX, self._in_turns(needed))

    async def _in_turns(self, needed: Callable[[], Iterable[InstrumentId]]) -> None:
        asked: set[InstrumentId] = set()
        while further := [each for each in dict.fromkeys(needed()) if each not in asked]:
            asked.update(further)
            await self.of_instruments(further)

    async def _ensure(self, instrument_id: InstrumentId) -> None:
        try:
            await self._books.ensure_open(instrument_id)
        except CadenzaError:
            return  # the instrument or its venue is not there: the decision says what that means for it

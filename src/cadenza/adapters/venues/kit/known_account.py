"""What a stream has said of an account: its last word about each balance and position, and which orders are open."""

from collections.abc import Collection, Iterable

from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.reports import (
    AcceptedReport,
    BalanceReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    OrderReport,
    OrderStatusReport,
    PositionReport,
    RejectedReport,
    Report,
    VenueOrderStatus,
)

OrderName = tuple[InstrumentId, str | None]
"""An order by the venue's id."""


class KnownOrders:
    """Follows which orders are open, and compares that with lists of the venue.

    Before the first whole list, and after `forget`, nothing is known: `agrees` returns True then, and takes over a list
    that is whole.
    """

    def __init__(self) -> None:
        self._open: set[OrderName] | None = None

    @property
    def instruments(self) -> frozenset[InstrumentId]:
        """The instruments of the orders that are known to be open."""
        return frozenset(instrument_id for instrument_id, _ in self._open or ())

    def note(self, reports: Iterable[Report]) -> None:
        """Take over what a stream says of single orders."""
        if self._open is None:
            return
        for report in reports:
            if not isinstance(report, OrderReport):
                continue
            name = report.instrument_id, report.venue_order_id
            match report:
                case ExternalOrderReport() | OrderStatusReport(status=VenueOrderStatus.WORKING):
                    self._open.add(name)
                case CanceledReport() | ExpiredReport() | RejectedReport() | OrderStatusReport():
                    self._open.discard(name)
                case AcceptedReport(former_venue_order_id=former_id) if former_id is not None:
                    self._open.discard((report.instrument_id, former_id))  # the new id has news of its own

    def forget(self) -> None:
        """The stream may have missed something."""
        self._open = None

    def agrees(self, listed: Iterable[OrderName], instruments: Collection[InstrumentId] | None = None) -> bool:
        """Return whether a list shows the orders that are known to be open. It is that of some instruments, or with
        None that of all."""
        shown = set(listed)
        if self._open is None:
            self._open = shown if instruments is None else None
            return True
        return shown == {name for name in self._open if instruments is None or name[0] in instruments}


class KnownAccount:
    """Follows balances and positions, and compares them with a reading. What is owed is left out: interest grows
    without a word. A locked amount of None is not stated, and equals itself only: where the stream states none, the
    readings are given without it too.

    Before the first whole reading, and after `forget`, nothing is known: `agrees` returns True then, and takes over
    what the reading says. `orders` are the account's open orders; `note` and `forget` are about them too.
    """

    def __init__(self) -> None:
        self._is_known = False
        self._is_whole = True
        """Whether what is not among the words is nothing. False after a reading that could not be read as a whole."""
        self._words: dict[tuple[str, ...], tuple[object, ...]] = {}
        self.orders = KnownOrders()

    @property
    def is_known(self) -> bool:
        """Whether there is a whole reading that others are compared with."""
        return self._is_known

    def note(self, reports: Iterable[Report]) -> None:
        """Take over what a stream says of single balances, positions and orders."""
        reports = list(reports)
        for report in reports:
            if isinstance(report, BalanceReport | PositionReport):
                self._note(report)
        self.orders.note(reports)

    def forget(self) -> None:
        """The stream may have missed something."""
        self.forget_money()
        self.orders.forget()

    def forget_money(self) -> None:
        """Balances or positions have changed, and the stream did not say to what."""
        self._is_known = False

    def agrees(self, reading: Iterable[Report], *, is_whole: bool = True) -> bool:
        """Return whether a reading of the account says what is known. What a reading that `is_whole` leaves out is
        nothing; where a part of it could not be read, what it leaves out is not compared."""
        read = KnownAccount()
        read.note(reading)
        agrees = not self._is_known or all(
            self._words.get(key) == read._words.get(key)
            for key in {*self._words, *read._words}
            if (is_whole or key in read._words) and (self._is_whole or key in self._words)
        )
        if not self._is_known or (agrees and is_whole):
            self._words, self._is_known, self._is_whole = read._words, True, is_whole
        return agrees

    def _note(self, report: BalanceReport | PositionReport) -> None:
        word: tuple[object, ...]
        if isinstance(report, BalanceReport):
            key: tuple[str, ...] = ("balance", report.asset)
            word = (report.total, report.locked)
        else:
            key = ("position", report.instrument_id, report.side.value)
            word = (report.quantity,)
        if any(word):
            self._words[key] = word
        else:
            self._words.pop(key, None)

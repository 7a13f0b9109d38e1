"""What is known of an account's money: the last word about each balance and position."""

from collections.abc import Iterable

from cadenza.domain.trading.reports import BalanceReport, PositionReport, Report


class KnownAccount:
    """Follows balances and positions, and compares them with a reading. What is owed is left out: interest grows
    without a word. A locked amount of None is not stated, and equals itself only: where the stream states none, the
    readings are given without it too.

    Before the first whole reading, and after `forget`, nothing is known, and any reading agrees: it becomes what is
    known.
    """

    def __init__(self) -> None:
        self._is_whole = False
        self._words: dict[tuple[str, ...], tuple[object, ...]] = {}

    def note(self, reports: Iterable[Report]) -> None:
        """Take over what a stream says of single balances and positions."""
        for report in reports:
            if isinstance(report, BalanceReport | PositionReport):
                self._note(report)

    def forget(self) -> None:
        """The stream may have missed something."""
        self._is_whole = False

    def agrees(self, reading: Iterable[Report]) -> bool:
        """Return whether a whole reading says what is known."""
        read = KnownAccount()
        read.note(reading)
        if not self._is_whole:
            self._words, self._is_whole = read._words, True
        return self._words == read._words

    def replace(self, reading: Iterable[Report]) -> None:
        """Believe a whole reading."""
        self.forget()
        self.agrees(reading)

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

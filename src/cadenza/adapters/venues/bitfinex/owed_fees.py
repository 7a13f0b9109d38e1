"""Fees of executions that were reported before the venue had computed them.

A fee of null is not a fee of 0: the venue has not computed it yet. The execution is reported all the same, so that it
counts at once, and its fee is asked for until the venue lists it. The execution is reported once more then.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import structlog

from cadenza.adapters.venues.bitfinex.endpoints import PAST_TRADES
from cadenza.adapters.venues.bitfinex.models import TradeFields
from cadenza.adapters.venues.bitfinex.pages import TRADE_AT, past_lines
from cadenza.adapters.venues.bitfinex.parse import AccountScope
from cadenza.adapters.venues.bitfinex.parse_orders import fill_report, own_fill
from cadenza.adapters.venues.bitfinex.private_keys import PrivateKey
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.adapters.venues.kit.unreadable import unreadable
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.errors import CadenzaError
from cadenza.domain.trading.reports import Report
from cadenza.ports.clock import Clock

ASK_PAUSE_MS = 5_000
"""The pause between two questions of a session, and the first pause between two questions about one fee. The latter
doubles each time."""

PAUSE_MS_MAX = 300_000
"""The longest pause between two questions about one fee."""

OWED_MS_MAX = 3_600_000
"""How long a fee is asked for. If an answer lacks it after that, the execution is reported as unreadable, which raises
an alarm. A question that is not answered does not count."""

WINDOW_MS = 60_000
"""One question is about the fees of executions that happened within so long."""

EARLIER_MS = 1_000
"""How much the window of a question is wider at both ends."""

OWED_MAX = 10_000
"""Fees that are asked for. With more, the oldest is reported as if it had been asked for in vain."""


@dataclass(slots=True)
class _Owed:
    """The fee of an execution that happened at `at_ms` (the venue's clock). `since_ms` and `next_ms`, when it is asked
    for again, are instants of our monotonic clock."""

    at_ms: int
    line: bytes
    since_ms: int
    next_ms: int
    pause_ms: int = ASK_PAUSE_MS


class OwedFees:
    """The fees that the venue owes to one account.

    Law: the execution is reported again with its fee once the venue lists the fee, or it is reported as unreadable. The
    end of a connection changes nothing. The end of the session does: a replay reads the fees of executions that are not
    older than its beginning.
    """

    def __init__(
        self, rest: BitfinexRest, key: PrivateKey, scope: AccountScope, life: SessionLife, clock: Clock
    ) -> None:
        self._rest = rest
        self._key = key
        self._scope = scope
        self._life = life
        self._clock = clock
        self._owed: OrderedDict[int, _Owed] = OrderedDict()
        """By the ids of the executions, in the order in which they were reported."""
        self._excess: list[Report] = []
        self._owes = asyncio.Event()
        self._log = structlog.get_logger("cadenza.venue").bind(account_id=str(scope.account_id))

    def note(self, row: TradeFields, line: msgspec.Raw) -> None:
        """An execution of the account is reported as this line has it. A fee of null is owed from now on."""
        if row.fee is not None or row.id in self._owed:
            return
        now_ms = self._clock.monotonic_ms()
        self._owed[row.id] = _Owed(row.at_ms, bytes(line), now_ms, now_ms)
        if len(self._owed) > OWED_MAX:
            self._excess.append(self._in_vain(self._owed.popitem(last=False)[1]))
        self._owes.set()

    def hear(self, line: msgspec.Raw) -> None:
        """The stream has brought an execution as it is booked, of any account. What cannot be read is reported as such
        by who reports the execution."""
        try:
            row = decode(TradeFields, line)
            if row.fee is not None:
                self._owed.pop(row.id, None)
            elif own_fill(row, self._scope) is not None:
                self.note(row, line)
        except UnreadablePayload:
            pass

    async def run(self) -> None:
        """Ask for what is owed, until this is cancelled."""
        while True:
            await self._owes.wait()
            await self._clock.sleep_ms(ASK_PAUSE_MS)
            excess, self._excess = self._excess, []
            await self._life.delivery.put(excess)
            now_ms = self._clock.monotonic_ms()
            if due := [each for each in self._owed.values() if each.next_ms <= now_ms]:
                await self._ask(min(due, key=lambda each: each.next_ms).at_ms)
            if not self._owed and not self._excess:
                self._owes.clear()

    # Helpers

    async def _ask(self, from_ms: int) -> None:
        """Ask for the fees of all executions from that instant on (the venue's clock) that are within one window."""
        asked = {id: each for id, each in self._owed.items() if 0 <= each.at_ms - from_ms <= WINDOW_MS}
        since_ms, until_ms = from_ms - EARLIER_MS, from_ms + WINDOW_MS + EARLIER_MS
        self._log.info("fees_asked_for", owed=len(asked))
        try:
            listed: list[msgspec.Raw] = []
            async for lines in past_lines(self._rest, self._key, PAST_TRADES, since_ms, until_ms=until_ms, at=TRADE_AT):
                listed += lines
            await self._life.delivery.put([*self._found(listed), *self._given_up(asked)])
        except CadenzaError as error:
            self._log.warning("fees_not_found", cause=str(error))
            await self._life.on_refused_reading(error)
        now_ms = self._clock.monotonic_ms()
        for each in asked.values():
            each.next_ms = now_ms + each.pause_ms
            each.pause_ms = min(2 * each.pause_ms, PAUSE_MS_MAX)

    def _found(self, listed: Sequence[msgspec.Raw]) -> list[Report]:
        """Return the executions whose fees are listed, the oldest first."""
        reports: list[Report] = []
        for line in reversed(listed):
            id = id_of(line)
            if id is None or id not in self._owed:
                continue
            try:
                row = decode(TradeFields, line)
                if row.fee is None:
                    continue
                reports.append(fill_report(row, self._scope))
            except UnreadablePayload as error:
                reports.append(unreadable(self._scope.account_id, bytes(line), error))
            del self._owed[id]
        return reports

    def _given_up(self, asked: dict[int, _Owed]) -> list[Report]:
        now_ms = self._clock.monotonic_ms()
        late = [id for id in asked if id in self._owed and now_ms - self._owed[id].since_ms >= OWED_MS_MAX]
        return [self._in_vain(self._owed.pop(id)) for id in late]

    def _in_vain(self, owed: _Owed) -> Report:
        why = UnreadablePayload("the venue does not list the fee of the execution, and is not asked for it any more")
        return unreadable(self._scope.account_id, owed.line, why)


def id_of(line: msgspec.Raw) -> int | None:
    """Return the id of an execution, also of one that cannot be read otherwise."""
    try:
        return decode(int, decode(list[msgspec.Raw], line)[0])
    except (UnreadablePayload, IndexError):
        return None

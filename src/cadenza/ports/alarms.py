"""Alarms: events that a person has to look at."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class Alarm(StrEnum):
    """The kind of an alarm. REPORT_REFUSED: a venue's report contradicts what is known, or could not be booked; it is
    kept. REPORT_UNREADABLE: a connector could not read what its venue reported; the text is kept. OUTCOME_UNDETERMINED:
    asking the venue cannot determine the outcome of an order. BOOKS_DIFFER: the venue's balance or position differs
    from our ledger; the facts say whether our ledger was corrected. NEWS_GAP: the venue cannot report everything that
    happened in an account. CLOSED_ORDER_WORKS: an order that is closed here works at the venue, because the venue made
    it larger, shows it among its open orders, or executed it although it was rejected; `cadenza orders cancel-closed`
    cancels it there. ASSET_UNPRICED: an account has an asset or a position that no fresh price values, so its equity is
    shown without it. LEFT_FROM_BEFORE: at its start a process found reports that could not be booked, orders that
    asking cannot determine, or REJECTED orders that were executed within the last day; the facts count them.
    JOB_GIVEN_UP: a piece of background work failed at its last try, such as an operator's resolution of an order; it is
    not done, and nobody tries it again. KEY_MAY_WITHDRAW: a venue says that a user's key may withdraw, which no key
    needs; its owner should replace it. It sounds once for each credential until the key's rights change.
    KEY_MAY_NOT_TRADE: a venue says that a user's key may trade in no account, so its orders will be refused; it sounds
    as often as KEY_MAY_WITHDRAW. KEY_REFUSED: a
    venue does not accept the key of a connected account any more; the account is SUSPENDED, and its orders may still
    work there. It sounds once for each time that this happens. HELD_MARKET_SILENT: the platform holds trailing stops of
    an instrument and has had no fresh book of it for a minute, so they may not trigger. HELD_ORDER_WAITS: the trigger
    of a held order was reached ten seconds ago, and the order could not be sent, mostly because its account does not
    reach its venue. VENUE_IDS_REPEATED: a venue gave a new order the id of another order of the account, because it was
    reset or the account is another one; the account is HALTED. It sounds once for each such order.
    """

    REPORT_REFUSED = "REPORT_REFUSED"
    REPORT_UNREADABLE = "REPORT_UNREADABLE"
    OUTCOME_UNDETERMINED = "OUTCOME_UNDETERMINED"
    BOOKS_DIFFER = "BOOKS_DIFFER"
    NEWS_GAP = "NEWS_GAP"
    ASSET_UNPRICED = "ASSET_UNPRICED"
    CLOSED_ORDER_WORKS = "CLOSED_ORDER_WORKS"
    LEFT_FROM_BEFORE = "LEFT_FROM_BEFORE"
    JOB_GIVEN_UP = "JOB_GIVEN_UP"
    KEY_MAY_WITHDRAW = "KEY_MAY_WITHDRAW"
    KEY_MAY_NOT_TRADE = "KEY_MAY_NOT_TRADE"
    KEY_REFUSED = "KEY_REFUSED"
    HELD_MARKET_SILENT = "HELD_MARKET_SILENT"
    HELD_ORDER_WAITS = "HELD_ORDER_WAITS"
    VENUE_IDS_REPEATED = "VENUE_IDS_REPEATED"


class Alarms(Protocol):
    """Law: `sound` never blocks and never fails the caller. Each alarm is logged with its facts and counted by its
    kind."""

    def sound(self, alarm: Alarm, facts: Mapping[str, object]) -> None: ...

"""A session with a venue: it trades for one account and reports what happens in it."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cadenza.domain.ids import InstrumentId
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    BalanceReport,
    ExternalOrderReport,
    PositionReport,
    Report,
    UnreadableReport,
)

REPLAY_REPORTS_MAX = 200
"""Reports in one piece of a replay: each piece is one change of the account, and other accounts take their turn between
two pieces."""


class SessionSink(Protocol):
    """Takes what one session reports.

    Law of order: the session delivers reports in the order in which the venue reported, and calls `deliver` again only
    after the last call has returned. `lost`, `restored` and `ended` do not wait for that: they may overtake reports
    that were received before them. When a report is delivered, everything that happened in the account
    `REPORTED_WITHIN_MS` or more before it has been delivered, or a replay from that instant contains it. Nothing is
    dropped: a fill is money.

    Law of the beginning: the session may call the sink as soon as `open_session` was called, also before that has
    returned. Reports are booked at once, as later ones are. They do not count as complete news, because the account is
    reconciled only afterwards. While the account is being connected, reports are not booked, because its first snapshot
    takes their place; only those that cannot be read are kept. `lost`, `restored` and `ended` are remembered, and take
    effect in their order as soon as `open_session` has returned. If it raises, they are forgotten; reports that were
    booked stay booked.

    Law of silence: while its stream says nothing, a session compares it with a reading of the venue at least once in
    `COMPARED_WITHIN_MS`. If the reading shows newer facts, the session calls `lost` and then `restored`. A session
    without a stream (`NewsSource.POLL`, `NewsSource.REPLY`) reads the venue as often, if the venue can be read, and
    delivers what is new.

    Law of money without a fill: funding, interest, a transfer or a rebate has no report of its own. If the venue shows
    balances, the session reports the balance that it led to (`BalanceReport`), whoever keeps the books. Where the venue
    keeps them, that is all. Where our ledger keeps them, a session with `VenueSpec.balances_follow_fills` corrects the
    ledger by it. From any other session it makes the platform compare a snapshot with the ledger: a difference that a
    second snapshot, `REPORTED_WITHIN_MS` later, shows again is booked as a correction. A ledger of ours at a venue that
    shows no balances lacks such money.
    """

    async def deliver(self, reports: Sequence[Report]) -> None:
        """Hand over reports. Returns when they are on disk. The session stops reading its socket meanwhile. Never
        raises because of what a report says: a report that cannot be applied is kept aside with its reason."""

    def lost(self, cause: str) -> None:
        """The session does not receive from its venue, or cannot send to it, and is restoring itself. No order of the
        account is sent until `restored` was called and the account is reconciled. Calling it again changes the cause
        only."""

    def restored(self, gap_since_ms: int) -> None:
        """The session receives from its venue again and can send to it. The account is reconciled at once, or, when its
        session is restored again and again, after growing pauses of at most a minute. What happened since
        `gap_since_ms` (the venue's clock) may have been missed; the application asks for it by `replay`, `lookup` and
        `snapshot`. It is the last instant up to which the session knows that it missed nothing: for a stream that
        broke, when it was last known to work, and not when it last brought something."""

    def ended(self, cause: str) -> None:
        """The session will not come back by itself (a rejected key, a logout by the venue). The application closes it
        and opens a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """An account at one moment.

    `balances` and `positions` are complete: an asset or position that is missing is zero. They are None where the venue
    does not report them, which is not the same as having none; where `VenueSpec.snapshots` is False they always are.
    `open_orders` is complete too: every order of the account that works at the venue, whoever placed it, each with an
    `executed_quantity` that equals the sum of its fills that count. Positions and orders of instruments that the
    account does not trade (`VenueSpec.traded`) are left out; one that comes all the same is kept aside with an alarm.
    `unreadable` are the orders, balances and positions of the reading that could not be read. With any, the snapshot is
    not whole (`is_whole`): what it shows is taken, and what it leaves out keeps its former value.

    `as_of` is comparable with the `as_of` of balance and position reports of the same account: the higher one is newer.

    `at_ms` (the venue's clock) divides the fills: the snapshot contains every fill with an instant up to and including
    `at_ms`, and no fill with a later instant. As long as the venue may still give a new fill the instant `at_ms`, such
    a reading does not count, and the session reads the account again.

    A venue that gives the account in several readings has no such moment of its own, so the session makes one. It waits
    until everything that it received is delivered, and fixes `at_ms` before its first request: the latest instant that
    the stream has named, or `venue_time_ms` if that is later. Then it reads. The readings count as one moment if the
    stream brought nothing meanwhile and the balances are those that the stream has stated; otherwise it reads again, a
    few times. `as_of` is taken for `at_ms`, higher than that of every fact received so far, so whatever the stream
    brings afterwards is newer.

    In a busy account, none of these readings may count as one moment. Where the venue keeps the books, the session then
    returns the last reading: newer balances and positions of the stream replace those of the reading. Where our ledger
    keeps the books, the session raises `VenueUnavailable` instead, because the ledger would count a fill twice. The
    session also raises `VenueUnavailable` if a reading shows something that the stream does not bring within a few
    seconds; then the stream is broken (`SessionSink.lost`).
    """

    balances: tuple[BalanceReport, ...] | None
    positions: tuple[PositionReport, ...] | None
    open_orders: tuple[ExternalOrderReport, ...]
    as_of: int
    at_ms: int
    unreadable: tuple[UnreadableReport, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPiece:
    """Reports of a replay, at most `REPLAY_REPORTS_MAX`; a piece without any shows that the reading goes on.
    `covers_from_ms` is the instant (the venue's clock) from which on the whole replay contains everything, and is the
    same in every piece. A session that reads instrument by instrument (`Replay.is_per_instrument`) computes it before
    its first request: the latest instant from which on every instrument's history is complete. It is later than
    requested if the venue has forgotten the time before, or has no replay at all. The application records and shows
    that gap. It raises an alarm as well, except for a gap that belongs to how the venue works
    (`VenueSpec.is_gap_expected`): the venue has no replay, and the account had no order that was open or in doubt, or
    lookups and snapshots show what matters."""

    reports: Sequence[Report]
    covers_from_ms: int


class ExecutionSession(Protocol):
    """Trades for one account. A new session is live: its stream is open before `open_session` returns.

    Law of calls: every method may be called while other calls are under way, of other methods and of the same one. Many
    orders are submitted and canceled at the same time, beside a replay, a snapshot and several lookups. A cancel may
    come before the submit of its order has returned, and two cancels of one order may overlap. Three things do not
    happen: the application does not submit an order twice unless it is proved that no byte of it left, does not ask for
    the next piece of a replay before the last one came, and does not call `submit` or `cancel` once it has called
    `close`. A question (`lookup`, `identify`, `snapshot`, `replay`) may still reach a closed session, which may answer
    that the venue could not be asked.

    Law of patience: the application waits for each call as long as `limits.py` and `VenueSpec.reply_ms_max` say, and
    then cancels it (asyncio cancellation). A cancelled `submit` or `cancel` goes on as the law of outcomes says. Any
    other cancelled call ends where it is: the session stays as usable as before, and the same call may follow at once.
    A replay may be left after any piece without another call. What is under way when the session is closed still
    returns its reply to the caller that waits for it. An order of which no byte has left by then is not sent any more:
    its `submit` returns a `NotSentReport`.

    Law of settings: the application sets neither leverage nor position mode at a venue, and neither does a session; the
    user does it there. If the venue takes a leverage with each order, the session passes `Order.leverage` on (None: the
    user named none). If the venue keeps the leverage as a setting, the session refuses an order with a leverage, unless
    it knows that just this one is set: a `RejectedReport` (INVALID_ORDER), and nothing is sent. The position mode is
    what `verify` found when the account was connected, and is asked for again when the account is connected again
    (`ExternalAccount.position_mode`). A session that needs it to write an order reads it when it opens. While it is
    another one at the venue, new orders are refused with both modes named, and nothing is sent; cancels and readings go
    on.

    Law of unreadable text: nothing that the venue says makes a method raise or is left out. A line or message that the
    session cannot read becomes an `UnreadableReport` in its place, and what is beside it goes on: in the stream, in a
    piece of a replay, in the answers of `lookup` and `identify`, in a snapshot (`AccountSnapshot.unreadable`). It
    counts as reported: asking again would bring the same text, so a replay that contains it is complete. A reply to
    `submit` or `cancel` that cannot be read settles nothing and follows the law of outcomes; a lookup clears it up. A
    text that is not the venue's at all, such as the error page of a proxy, is no answer: the venue could not be asked.

    Law of outcomes: `submit` and `cancel` never raise because of what happened to an order. A refusal that proves that
    the order does not work at the venue is a `RejectedReport`. If bytes of the request may have left and the reply does
    not settle the outcome (a timeout, a 5xx, a lost connection, an unreadable reply, a refusal as duplicate), the
    answer is an `UnknownOutcomeReport`. Each call sends its request at most once: no layer below it, such as an HTTP
    client or a FIX session, sends the request again. The application may call `cancel` again. It submits an order again
    only after a `NotSentReport`: a trailing stop that it had released, under the same `sent_id` and with a new
    `send_before_ms` and `created_at_ms`. The session then sends it. Any other order it submits once. A caller that
    stops waiting does not cancel the request: when the reply to an abandoned `submit` or `cancel` comes late, the
    session delivers its reports to the sink. What still does not come is found by `lookup`. Only a request of which no
    byte has left may be dropped; then none ever leaves.
    """

    async def submit(self, order: Order) -> Sequence[Report]:
        """Send a new order under `order.sent_id`, and return the reply as reports: accepted and its first fills,
        rejected, or unknown. A refusal as duplicate is an `UnknownOutcomeReport` with `is_duplicate`.

        The session does not send after `order.send_before_ms` (our clock); it then returns a `NotSentReport`. Every
        `NotSentReport` names the attempt that it is about by `recorded_at_ms`, which is `order.created_at_ms`.
        If the venue takes a deadline with an order, the session passes this one on, translated into the venue's clock
        by the difference that it has measured.
        """

    async def cancel(self, order: Order) -> Sequence[Report]:
        """Ask the venue to cancel an order, and return the reply as reports. An empty answer means that the request was
        accepted, or that the venue could not be asked. The order then stays PENDING_CANCEL, and the application asks
        again later. A `CancelRefusedReport` is returned only if the venue itself refused, and says why.

        If the submit of the order still waits within the session, for its pace for example, and no byte of it has left,
        the order is not sent any more. Both calls then return a `WithdrawnReport`, and the venue is not asked."""

    def withdraw_unsent(self, is_meant: Callable[[Order], bool]) -> None:
        """Take back every submitted order that is meant and still waits within the session, for its pace for example:
        no byte of it has left, and none will. Its submit returns a `WithdrawnReport`. Orders that may have left stay
        as they are. The call never waits, so that nothing leaves between a halt and its effect."""

    async def cancel_all(self, instrument_id: InstrumentId, orders: Sequence[Order]) -> Sequence[Report]:
        """Ask the venue by one request to cancel every order of the account in an instrument. `orders` are all that are
        known here to work in it, and the venue has acknowledged each. The answer has the reports of `cancel` for them;
        an order without a report stays PENDING_CANCEL, and the application asks for it again. It is called only where
        `VenueSpec.cancels_all` lists the account's type. An order that was placed elsewhere, or that reaches the venue
        at the same moment, is canceled too, and reported like any other."""

    async def lookup(self, orders: Sequence[Order]) -> Sequence[Report]:
        """Ask the venue about at most `ORDERS_PER_LOOKUP_MAX` orders, and return for each all that the venue knows.
        That includes its fills as they are now. A fill that was changed since is reported by a `FillCorrectedReport` in
        place of a `FillReport`, which would contradict the one that is booked. One that was taken back is reported, and
        a `FillBustedReport` after it. A fee that came later stands in the fill, or in a `FeeReport` after it.

        Every order gets at least one of: a report that states its executed quantity (accepted, canceled, expired, order
        status); a `RejectedReport` (NOT_FOUND_AT_VENUE) when the venue does not know the order, which proves that it
        does not work and cannot arrive any more; an `UndeterminedOutcomeReport` when the venue does not know the order
        and no later request can prove anything; an `UnknownOutcomeReport` when the venue could not be asked, or when it
        is too early for a proof.

        What it means that the venue does not know an order is the same for every venue, and follows from its
        `VenueSpec` (`meaning_of_not_known`). DEAD: a `RejectedReport`. ENDED_UNFILLED: a `CanceledReport` (VENUE,
        executed quantity 0). FORGOTTEN and MAY_ARRIVE: an `UndeterminedOutcomeReport`. TOO_EARLY: an
        `UnknownOutcomeReport` with `is_not_found`.

        An order that the venue knows, and of which the session can read neither how it stands nor how much was
        executed, gets an `UnreadableReport` that names it and an `UndeterminedOutcomeReport`.

        The fence proves nothing about an order that was acknowledged: such an order never gets a `RejectedReport`
        because the venue does not know it.

        Where `VenueSpec.lookup` is None the session sends nothing, and every order gets an
        `UndeterminedOutcomeReport`. The application applies it only to orders in doubt. Acknowledged orders keep
        their state.
        """

    async def identify(self, instrument_id: InstrumentId, venue_order_id: str) -> Sequence[Report]:
        """Ask the venue about an order of which only the venue order id is known. Return an `ExternalOrderReport` (with
        `sent_id` if the order is ours), its renames and its fills, or nothing when the venue says that it does not
        know the order. Raises `VenueUnavailable` when the venue could not be asked."""

    def replay(self, since_ms: int) -> AsyncIterator[ReplayPiece]:
        """Yield what happened in the account since `since_ms` (the venue's clock), including orders placed elsewhere.
        Reports that were delivered before may come again. Each piece is read from the venue when the caller asks for
        it. The reports of one order come in the order in which they happened; reports of different instruments may come
        in any order. If the venue gave an order a new id, its rename (`AcceptedReport`) comes before anything under
        that id, which would be taken for another order otherwise. Only the last piece completes the replay. At least
        one piece is yielded; it may be empty. Raises `VenueUnavailable`.

        A replay brings orders and their fills. Past balances and positions are left out, because a snapshot is read
        after each replay; a balance or position that comes all the same is the present one. Where `VenueSpec.replay` is
        None the session yields one empty piece whose `covers_from_ms` is the venue's present time."""

    async def snapshot(self) -> AccountSnapshot:
        """Read the whole account. When this returns, every report that the session received before has been delivered.
        Raises `VenueUnavailable`."""

    def venue_time_ms(self) -> int:
        """Return the venue's present time, by the difference between the clocks that the session has measured. It is
        never ahead of the venue's clock by more than a few seconds, and may be behind it. What happened before it
        counts as reported when a replay that begins now has ended, and while the session is live and caught up.

        A venue outside of this process has a clock of its own, so a step of our wall clock does not move this time."""

    def is_caught_up(self) -> bool:
        """Return whether the session is live and everything that it received has been delivered."""

    async def close(self) -> None:
        """Stop the stream. From the call on, the session calls no method of the sink. Idempotent."""

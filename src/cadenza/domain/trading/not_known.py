"""What it means that a venue does not know an order that it is asked about."""

from enum import StrEnum

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.venue_spec import VenueSpec

UNFENCED_MARGIN_MS = 15_000
"""How far a venue without a fence may be behind with what it answers about orders."""


class NotKnown(StrEnum):
    """DEAD: it never arrived, or ended without an execution; it does not work and cannot arrive any more.
    ENDED_UNFILLED: it arrived and ended without an execution, and the venue has forgotten it since. FORGOTTEN: no later
    request can prove anything, because the venue may have forgotten the order; or the venue denies an order that it has
    to know. MAY_ARRIVE: no later request can prove anything either, because the venue may take the order in at any
    time. TOO_EARLY: it may still arrive, or the answer may be older than the last news of the order; the venue is asked
    again."""

    DEAD = "DEAD"
    ENDED_UNFILLED = "ENDED_UNFILLED"
    FORGOTTEN = "FORGOTTEN"
    MAY_ARRIVE = "MAY_ARRIVE"
    TOO_EARLY = "TOO_EARLY"


def meaning_of_not_known(spec: VenueSpec, type: AccountType, order: Order, asked_at_ms: int) -> NotKnown:
    """Return what it proves that the venue does not know this order, of an account of that type. `asked_at_ms` (our
    clock) is the instant just before the question was sent.

    An order that was recorded longer ago than the venue knows executed orders may have been executed and forgotten. A
    younger one was not executed. If it was acknowledged, it is known while it works; so it ended, provided that it is
    old enough for an order without an execution to be forgotten. Otherwise the venue has to know it. Queries may be
    behind the matching engine, also with an old order that has just become another one there, as a triggered stop does:
    so this is an answer only if it comes later than the fence's margin after the last news.
    """
    age_ms = asked_at_ms - order.created_at_ms
    memory = spec.memory_of(type)
    if memory.filled_ms is not None and age_ms > memory.filled_ms:
        return NotKnown.FORGOTTEN
    if order.is_acknowledged:
        if _is_young(spec, order, asked_at_ms):
            return NotKnown.TOO_EARLY
        is_executed = order.executed_quantity > 0 or order.stated_quantity > 0
        is_forgotten = memory.unfilled_ms is not None and age_ms > memory.unfilled_ms
        return NotKnown.ENDED_UNFILLED if is_forgotten and not is_executed else NotKnown.FORGOTTEN
    if spec.fence is None:  # it may arrive at any time, so that it is not known proves nothing, now and later
        is_late = order.send_before_ms is not None and asked_at_ms > order.send_before_ms
        return NotKnown.MAY_ARRIVE if is_late else NotKnown.TOO_EARLY
    if not spec.is_past_fence(order.send_before_ms, asked_at_ms):
        return NotKnown.TOO_EARLY
    return NotKnown.DEAD if spec.fence.covers(type, order.type) else NotKnown.MAY_ARRIVE


def _is_young(spec: VenueSpec, order: Order, asked_at_ms: int) -> bool:
    """Whether the last news of the order, or the beginning of its doubt, is so young that the answer may be older. An
    instant in our future is of a clock that was wrong, and says nothing. If there is no other, the order is young: this
    answer begins its doubt, which has the present clock."""
    noted = [each for each in (order.updated_at_ms, order.in_doubt_since_ms) if each is not None]
    past = [each for each in noted if each <= asked_at_ms]
    margin_ms = UNFENCED_MARGIN_MS if spec.fence is None else spec.fence.margin_ms
    return not past or asked_at_ms <= max(past) + margin_ms

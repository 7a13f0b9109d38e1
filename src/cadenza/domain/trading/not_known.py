"""What it means that a venue does not know an order that it is asked about."""

from enum import StrEnum

from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.venue_spec import VenueSpec


class NotKnown(StrEnum):
    """DEAD: it never arrived, or ended without an execution; it does not work and cannot arrive any more.
    ENDED_UNFILLED: it arrived and ended without an execution, and the venue has forgotten it since. FORGOTTEN: the
    venue may have forgotten anything, so no later request can prove anything. TOO_EARLY: it may still arrive."""

    DEAD = "DEAD"
    ENDED_UNFILLED = "ENDED_UNFILLED"
    FORGOTTEN = "FORGOTTEN"
    TOO_EARLY = "TOO_EARLY"


def meaning_of_not_known(spec: VenueSpec, type: AccountType, order: Order, asked_at_ms: int) -> NotKnown:
    """Return what it proves that the venue does not know this order, of an account of that type. `asked_at_ms` (our
    clock) is the instant just before the question was sent.

    An order that was recorded longer ago than the venue knows executed orders may have been executed and forgotten. A
    younger one was not executed. If it was acknowledged, it is known while it works; so it ended, provided that it is
    old enough for an order without an execution to be forgotten.
    """
    age_ms = asked_at_ms - order.created_at_ms
    memory = spec.memory_of(type)
    if memory.filled_ms is not None and age_ms > memory.filled_ms:
        return NotKnown.FORGOTTEN
    if order.is_acknowledged:
        is_executed = order.executed_quantity > 0 or order.stated_quantity > 0
        is_forgotten = memory.unfilled_ms is not None and age_ms > memory.unfilled_ms
        return NotKnown.ENDED_UNFILLED if is_forgotten and not is_executed else NotKnown.FORGOTTEN
    if spec.fence is None:  # it may arrive at any time, so that it is not known proves nothing, now and later
        is_late = order.send_before_ms is not None and asked_at_ms > order.send_before_ms
        return NotKnown.FORGOTTEN if is_late else NotKnown.TOO_EARLY
    return NotKnown.DEAD if spec.is_past_fence(order.send_before_ms, asked_at_ms) else NotKnown.TOO_EARLY

"""What a venue can do, in plain words: `cadenza venue show` prints it, and the tables of `docs/venues` have it too."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import OrderType
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.money import to_plain
from cadenza.domain.trading.checks import DAY_MS
from cadenza.domain.trading.venue_spec import (
    Books,
    CountedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    OrderMemory,
    OrderSupport,
    Replay,
    SentIdRule,
    Support,
    VenueSpec,
)


def in_brief(spec: VenueSpec) -> str:
    """Return in one line which accounts the venue has, what they trade and which types of orders it takes."""
    accounts = ", ".join(type.value for type in spec.books)
    instruments = ", ".join(type.value for type in spec.orders)
    types = {type: None for support in spec.orders.values() for type, times in support.items() if times}
    return f"accounts {accounts}; instruments {instruments}; orders {', '.join(type.value for type in types)}"


def facts_of(spec: VenueSpec) -> Iterator[tuple[str, str]]:
    """Yield what the spec says beside orders: a subject, and what holds."""
    for type, books in spec.books.items():
        keeper = "our ledger" if books is Books.OURS else "the venue"
        yield f"balances and positions of {type.value} accounts", f"{keeper} keeps them"
    yield "who checks that an order can be paid for", "we do" if spec.funds_check is FundsCheck.HERE else "the venue"
    for quantity_type, support in spec.quantity_types.items():
        resolved = "resolved into the instrument's units before it is sent"
        means = "the venue takes it" if support is Support.NATIVE else resolved
        yield f"quantity as {quantity_type.value}", means
    for type in (each for each in AccountType if each in spec.cancels_all):
        yield f"canceling every order of an instrument in {type.value} accounts", "one request"
    for type in (each for each in AccountType if each in spec.own_leverage):
        yield f"leverage of {type.value} accounts", "a setting of each instrument at the venue; an order takes none"
    for kinds, least_ms in _alike(spec.expiry_ms_min):
        yield (
            f"GTD orders of {kinds} instruments",
            f"the venue takes those that end more than {span(least_ms)} from now",
        )
    if spec.banded_by_trigger:
        kinds = ", ".join(type.value for type in InstrumentType if type in spec.banded_by_trigger)
        how = "the venue alone compares it, with the stop price; that of other orders is compared here with the mark"
        yield f"limit price of conditional orders of {kinds} instruments", how
    yield "credentials", ", ".join(type.value for type in CredentialType if type in spec.credential_types)
    for field in spec.credential_fields:
        yield f"credential field `{field.name}`", field.meaning + ("" if field.is_required else " (may be left out)")
    yield "news of an account", _NEWS[spec.account_news]
    yield "our id of an order at the venue", _sent_id(spec.sent_id)
    yield "sent at the latest", f"{span(spec.send_within_ms)} after it was recorded"
    yield "a reply is awaited for", span(spec.reply_ms_max)
    yield "an order without an answer is dead", _fence(spec.fence)
    yield from _never_dead(spec.fence)
    yield "asking about an order", _lookup(spec.lookup)
    yield "asking what happened", _replay(spec.replay)
    yield "whole balances and positions on request", "yes" if spec.snapshots else "no"
    for instrument_type, book in spec.order_books.items():
        yield f"order book of {instrument_type.value} instruments", _book(book)


def span(duration_ms: int) -> str:
    """Return a duration in whole days where it is some, else in seconds."""
    days, rest_ms = divmod(duration_ms, DAY_MS)
    if days and not rest_ms:
        return f"{days} day{'' if days == 1 else 's'}"
    return f"{to_plain(Decimal(duration_ms) / 1000)} s"


def _alike(durations_ms: Mapping[InstrumentType, int]) -> Iterator[tuple[str, int]]:
    """Yield each duration with the instrument types that have it."""
    for duration_ms in sorted(set(durations_ms.values())):
        yield ", ".join(type.value for type, each_ms in durations_ms.items() if each_ms == duration_ms), duration_ms


_NEWS = {
    NewsSource.STREAM: "the venue streams it",
    NewsSource.POLL: "it is polled",
    NewsSource.REPLY: "replies to requests only",
}


def _sent_id(rule: SentIdRule) -> str:
    shared = "; others may use it too, so an order is recognized by its terms as well" if rule.is_shared else ""
    if isinstance(rule, CountedSentId):
        return f"a number that grows, from {rule.first} on{shared}"
    prefix = f"`{rule.prefix}` and " if rule.prefix else ""
    return f"{prefix}the order's id{'' if rule.is_uuid else ' in hexadecimal digits'}{shared}"


def _fence(fence: Fence | None) -> str:
    if fence is None:
        return "never: nothing proves it"
    return f"{span(fence.margin_ms)} after its deadline, when the venue does not know it then: {fence.proof}"


def _never_dead(fence: Fence | None) -> Iterator[tuple[str, str]]:
    for account, orders in ({} if fence is None else fence.without_deadline).items():
        types = ", ".join(type.value for type in OrderType if type in orders)
        how = "the venue may hold one back for any time, so an operator resolves it unless it shows itself"
        yield f"an order without an answer that stays in doubt, in {account.value} accounts", f"{types}: {how}"


def _lookup(lookup: Lookup | None) -> str:
    if lookup is None:
        return "not possible: an operator resolves it"
    limits = [limit for type, memory in lookup.memory.items() for limit in _memory(type, memory)]
    return "possible at any time" if not limits else f"possible; {'; '.join(limits)}"


def _memory(type: AccountType, memory: OrderMemory) -> Iterator[str]:
    for what, ms in (("with an execution", memory.filled_ms), ("without one", memory.unfilled_ms)):
        if ms is not None:
            yield f"of a {type.value} account, an order {what} is known for {span(ms)} after it closed"


def _book(book: BookSpec) -> str:
    age = "as long as its feed is open" if book.age_ms_max is None else f"for {span(book.age_ms_max)} after a message"
    return f"{book.depth} levels a side, continuity {book.rule.continuity.value}, fresh {age}"


def _replay(replay: Replay | None) -> str:
    if replay is None:
        return "not possible"
    limits = [f"of a {type.value} account {span(depth_ms)} back at most" for type, depth_ms in replay.depth_ms.items()]
    depth = "from any time on" if not limits else f"from any time on; {'; '.join(limits)}"
    return depth + (", instrument by instrument" if replay.is_per_instrument else "")


def orders_of(spec: VenueSpec) -> Iterator[tuple[str, str]]:
    """Yield each order type with the times in force that it takes; instrument types that take the same stand
    together."""
    kinds: list[tuple[OrderSupport, list[str]]] = []
    for kind, orders in spec.orders.items():
        alike = next((names for other, names in kinds if other == orders), None)
        if alike is None:
            kinds.append((orders, [kind.value]))
        else:
            alike.append(kind.value)
    for orders, names in kinds:
        for type, times in orders.items():
            words = [
                time.value if support is Support.NATIVE else f"{time.value} (emulated)"
                for time, support in times.items()
            ]
            yield f"{type.value} orders of {', '.join(names)} instruments", ", ".join(words)

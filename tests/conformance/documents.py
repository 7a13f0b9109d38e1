"""What a venue's page must show, made from what the venue says of itself.

`python -m tests.conformance.documents` writes the tables of all pages again.
"""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from cadenza.domain.accounts.credential import CredentialType
from cadenza.domain.accounts.trading_account import AccountType
from cadenza.domain.market.book_rule import BookSpec
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.venue_spec import (
    Books,
    CountedSentId,
    Fence,
    FundsCheck,
    Lookup,
    NewsSource,
    OrderMemory,
    Replay,
    SentIdRule,
    Support,
    VenueSpec,
)
from tests.conformance.harness import VenueUnderTest, makes_sense
from tests.conformance.venues import DOCUMENTED

PAGES = Path(__file__).parents[2] / "docs" / "venues"
BEGIN, END = "<!-- capabilities: made by tests/conformance/documents.py -->", "<!-- /capabilities -->"


def page_of(venue: str) -> Path:
    return PAGES / f"{venue.lower()}.md"


def capability_tables(spec: VenueSpec, instruments: Sequence[Instrument]) -> str:
    """The instruments with their steps and limits, every order type with the times in force that it takes, and what
    else the spec says."""
    lines = [
        "| instrument | kind | lot | tick | quantity | least value | margin: initial, maintenance |",
        "|---|---|---|---|---|---|---|",
        *(_instrument_row(instrument) for instrument in instruments),
    ]
    kinds: dict[tuple[Sequence[OrderType], Sequence[TimeInForce]], dict[str, None]] = {}
    for instrument in instruments:
        taken = (instrument.order_types, instrument.time_in_force_options)
        kinds.setdefault(taken, {})[instrument.type.value] = None
    for (types, times), names in kinds.items():
        heading = "order type" if len(kinds) == 1 else f"order type, {', '.join(names)}"
        lines += [
            "",
            f"| {heading} | {' | '.join(time.value for time in TimeInForce)} |",
            f"|---|{'---|' * len(TimeInForce)}",
            *(_kind_row(spec, type, type in types, times) for type in OrderType),
        ]
    lines += [
        "",
        "| what | how |",
        "|---|---|",
        *(f"| {what} | {how} |" for what, how in _facts(spec)),
    ]
    return "\n".join(lines)


def _instrument_row(i: Instrument) -> str:
    cells = [
        f"`{i.id}`",
        i.type.value,
        f"{to_plain(i.lot_size)} {i.base_asset}",
        f"{to_plain(i.pip_size)} {i.quote_asset}",
        f"{to_plain(i.min_quantity)} to {to_plain(i.max_quantity)}",
        f"{to_plain(i.min_notional)} {i.quote_asset}",
        "–"
        if i.initial_margin is None or i.maintenance_margin is None
        else f"{to_plain(i.initial_margin)}, {to_plain(i.maintenance_margin)}",
    ]
    return f"| {' | '.join(cells)} |"


def _kind_row(spec: VenueSpec, type: OrderType, is_listed: bool, times: Sequence[TimeInForce]) -> str:
    """`yes` where the venue does it, `emulated` where the platform does."""
    cells = []
    for time in TimeInForce:
        support = spec.support_of(type, time)
        is_taken = support is not None and is_listed and time in times and makes_sense(type, time)
        cells.append("–" if not is_taken else "yes" if support is Support.NATIVE else "emulated")
    return f"| {type.value} | {' | '.join(cells)} |"


def _facts(spec: VenueSpec) -> Iterator[tuple[str, str]]:
    """What the spec says beside orders, in plain words."""
    for type, books in spec.books.items():
        keeper = "our ledger" if books is Books.OURS else "the venue"
        yield f"balances and positions of {type.value} accounts", f"{keeper} keeps them"
    yield "who checks that an order can be paid for", "we do" if spec.funds_check is FundsCheck.HERE else "the venue"
    for quantity_type, support in spec.quantity_types.items():
        means = "the venue takes it" if support is Support.NATIVE else "resolved into base units before it is sent"
        yield f"quantity as {quantity_type.value}", means
    yield "credentials", ", ".join(type.value for type in CredentialType if type in spec.credential_types)
    for field in spec.credential_fields:
        yield f"credential field `{field.name}`", field.meaning + ("" if field.is_required else " (may be left out)")
    yield "news of an account", _NEWS[spec.account_news]
    yield "our id of an order at the venue", _sent_id(spec.sent_id)
    yield "sent at the latest", f"{to_plain(Decimal(spec.send_within_ms) / 1000)} s after it was recorded"
    yield "a reply is awaited for", f"{to_plain(Decimal(spec.reply_ms_max) / 1000)} s"
    yield "an order without an answer is dead", _fence(spec.fence)
    yield "asking about an order", _lookup(spec.lookup)
    yield "asking what happened", _replay(spec.replay)
    yield "whole balances and positions on request", "yes" if spec.snapshots else "no"
    for instrument_type, book in spec.order_books.items():
        yield f"order book of {instrument_type.value} instruments", _book(book)


_NEWS = {
    NewsSource.STREAM: "the venue streams it",
    NewsSource.POLL: "it is polled",
    NewsSource.REPLY: "replies to requests only",
}


def _sent_id(rule: SentIdRule) -> str:
    if isinstance(rule, CountedSentId):
        return f"a number that grows, from {rule.first} on"
    prefix = f"`{rule.prefix}` and " if rule.prefix else ""
    return f"{prefix}the order's id" + ("" if rule.is_uuid else " in hexadecimal digits")


def _fence(fence: Fence | None) -> str:
    if fence is None:
        return "never: nothing proves it"
    return f"{fence.margin_ms} ms after its deadline, when the venue does not know it then: {fence.proof}"


def _lookup(lookup: Lookup | None) -> str:
    if lookup is None:
        return "not possible: an operator resolves it"
    limits = [limit for type, memory in lookup.memory.items() for limit in _memory(type, memory)]
    return "possible at any time" if not limits else f"possible; {'; '.join(limits)}"


def _memory(type: AccountType, memory: OrderMemory) -> Iterator[str]:
    for what, ms in (("with an execution", memory.filled_ms), ("without one", memory.unfilled_ms)):
        if ms is not None:
            yield f"of a {type.value} account, an order {what} is known for {ms} ms after it closed"


def _book(book: BookSpec) -> str:
    age = "as long as its feed is open" if book.age_ms_max is None else f"for {book.age_ms_max} ms after a message"
    return f"{book.depth} levels a side, continuity {book.rule.continuity.value}, fresh {age}"


def _replay(replay: Replay | None) -> str:
    if replay is None:
        return "not possible"
    depth = "from any time on" if replay.depth_ms is None else f"{replay.depth_ms} ms back at most"
    return depth + (", instrument by instrument" if replay.is_per_instrument else "")


def with_tables(page: str, tables: str) -> str:
    """The page with these tables between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables}\n\n{END}{tail}"


async def tables_of(venue: VenueUnderTest) -> str:
    """The tables of a venue, which is started for that."""
    await venue.start()
    try:
        return capability_tables(venue.connector.spec, await venue.connector.instruments())
    finally:
        await venue.stop()


async def _write() -> None:
    for name, make in DOCUMENTED.items():
        path = page_of(name)
        path.write_text(with_tables(path.read_text(), await tables_of(make())))


if __name__ == "__main__":
    asyncio.run(_write())

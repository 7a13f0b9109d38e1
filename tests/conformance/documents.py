"""What the venues' pages must show, made from what the venues say of themselves, and which cases run at which.

`python -m tests.conformance.documents` writes the tables of all pages again.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cadenza.cli.capabilities import facts_of
from cadenza.domain.market.enums import OrderType, TimeInForce
from cadenza.domain.market.instrument import Instrument
from cadenza.domain.money import to_plain
from cadenza.domain.trading.venue_spec import Support, VenueSpec
from tests.conformance.harness import VenueUnderTest
from tests.conformance.matrix import case_table
from tests.conformance.orders import makes_sense
from tests.conformance.venues import DOCUMENTED

PAGES = Path(__file__).parents[2] / "docs" / "venues"
BEGIN, END = "<!-- capabilities: made by tests/conformance/documents.py -->", "<!-- /capabilities -->"


INDEX = PAGES / "README.md"


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
    kinds: dict[tuple[str, ...], dict[str, None]] = {}
    for instrument in instruments:
        rows = tuple(_kind_row(spec, type, instrument) for type in OrderType)
        kinds.setdefault(rows, {})[instrument.type.value] = None
    for rows, names in kinds.items():
        heading = "order type" if len(kinds) == 1 else f"order type, {', '.join(names)}"
        lines += [
            "",
            f"| {heading} | {' | '.join(time.value for time in TimeInForce)} |",
            f"|---|{'---|' * len(TimeInForce)}",
            *rows,
        ]
    lines += [
        "",
        "| what | how |",
        "|---|---|",
        *(f"| {what} | {how} |" for what, how in facts_of(spec)),
    ]
    return "\n".join(lines)


def _instrument_row(i: Instrument) -> str:
    cells = [
        f"`{i.id}`",
        i.type.value,
        f"{to_plain(i.lot_size)} {i.quote_asset if i.is_inverse else i.base_asset}",
        f"{to_plain(i.pip_size)} {i.quote_asset}",
        f"{to_plain(i.min_quantity)} to {to_plain(i.max_quantity)}",
        f"{to_plain(i.min_notional)} {i.quote_asset}",
        "–"
        if i.initial_margin is None or i.maintenance_margin is None
        else f"{to_plain(i.initial_margin)}, {to_plain(i.maintenance_margin)}",
    ]
    return f"| {' | '.join(cells)} |"


def _kind_row(spec: VenueSpec, type: OrderType, instrument: Instrument) -> str:
    """`yes` where the venue does it, `emulated` where the platform does."""
    cells = []
    for time in TimeInForce:
        support = spec.support_of(instrument.type, type, time)
        is_listed = type in instrument.order_types and time in instrument.time_in_force_options
        is_taken = support is not None and is_listed and makes_sense(type, time)
        cells.append("–" if not is_taken else "yes" if support is Support.NATIVE else "emulated")
    return f"| {type.value} | {' | '.join(cells)} |"


def with_tables(page: str, tables: str) -> str:
    """The page with these tables between its marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables}\n\n{END}{tail}"


async def tables_of(venue: VenueUnderTest) -> str:
    """The tables of a venue, which is started for that."""
    await venue.start()
    try:
        return capability_tables(venue.connector.spec, (await venue.connector.instruments()).instruments)
    finally:
        await venue.stop()


async def _write() -> None:
    for name, make in DOCUMENTED.items():
        path = page_of(name)
        path.write_text(with_tables(path.read_text(), await tables_of(make())))
    INDEX.write_text(with_tables(INDEX.read_text(), case_table()))


if __name__ == "__main__":
    asyncio.run(_write())

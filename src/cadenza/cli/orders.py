"""`cadenza orders`: orders that only an operator can settle. For the administrator of the machine."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from cadenza.application.orders.resolve import FoundFill, Resolution
from cadenza.cli.common import fail, loaded_settings, open_current_database, plain_failures
from cadenza.domain.errors import CadenzaError
from cadenza.domain.ids import OrderId
from cadenza.domain.money import NotADecimal, parse_decimal, to_plain
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.execution import Fee
from cadenza.domain.trading.order import Order
from cadenza.runtime.wiring.administration import Administration, open_administration
from cadenza.wire.values import rfc3339

T = TypeVar("T")
_OUTCOMES = {
    "never-arrived": OrderStatus.REJECTED,
    "canceled": OrderStatus.CANCELED,
    "working": OrderStatus.ACCEPTED,
}

app = typer.Typer(help="Orders that an operator must settle.", no_args_is_help=True)


@app.command("doubtful")
def doubtful(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many.")] = 100,
) -> None:
    """Print the orders in doubt, the oldest first. UNDETERMINED: asking the venue cannot settle it. Otherwise the venue
    has been asked for more than a minute, and the order is still in doubt."""

    async def work(office: Administration) -> Sequence[Order]:
        return await office.list_doubtful(limit)

    for order in _run(work):
        typer.echo(
            f"{rfc3339(order.created_at_ms)}  {order.id}  account {order.account_id}  {order.instrument_id}"
            f"  {order.side.value} {to_plain(order.quantity)}  booked {to_plain(order.executed_quantity)}"
            f"  {order.status.value}  {order.doubt.value if order.doubt else 'FILLS_MISSING'}"
            f"  our id at the venue {order.sent_id}  the venue's {order.venue_order_id or '-'}"
        )


@app.command("resolve")
def resolve(
    order_id: Annotated[UUID, typer.Argument(help="The order.")],
    outcome: Annotated[str, typer.Option(help="never-arrived, canceled (it will not execute any more) or working.")],
    fill: Annotated[
        list[str] | None,
        typer.Option(help="An execution that is not booked: TRADE_ID,QUANTITY,PRICE,MILLISECONDS. May be repeated."),
    ] = None,
    fee: Annotated[
        list[str] | None,
        typer.Option(help="The fee of such an execution: TRADE_ID,QUANTITY,ASSET. May be repeated."),
    ] = None,
) -> None:
    """Resolve an order with the outcome that you found at the venue. It is in doubt, or open at a venue that cannot be
    asked about orders. The running server books it."""
    if outcome not in _OUTCOMES:
        raise fail(f"--outcome must be one of {', '.join(_OUTCOMES)}, not {outcome!r}")
    resolution = Resolution(OrderId(order_id), _OUTCOMES[outcome], _fills(fill or (), fee or ()))

    async def work(office: Administration) -> Order:
        return await office.request_resolution(resolution)

    order = _run(work)
    typer.echo(
        f"Order {order.id} will be resolved as {outcome} by the server: at once if it is running, else when it starts."
    )


@app.command("cancel-closed")
def cancel_closed(order_id: Annotated[UUID, typer.Argument(help="The order.")]) -> None:
    """Cancel at its venue an order that is closed here and works there. The running server sends the cancel."""

    async def work(office: Administration) -> Order:
        return await office.request_cancel_closed(OrderId(order_id))

    order = _run(work)
    typer.echo(
        f"The server will cancel what is left of order {order.id} ({order.status.value} here) at {order.venue_id}:"
        f" at once if it is running, else when it starts."
    )


def _fills(fills: Sequence[str], fees: Sequence[str]) -> Sequence[FoundFill]:
    found = {each.trade_id: each for each in map(_fill, fills)}
    if len(found) < len(fills):
        raise fail("two of the --fill have the same TRADE_ID")
    for text in fees:
        try:
            trade_id, quantity, asset = text.rsplit(",", 2)
            fee = Fee(asset, parse_decimal(quantity))
        except (ValueError, NotADecimal):
            raise fail(f"--fee must be TRADE_ID,QUANTITY,ASSET, not {text!r}") from None
        if trade_id not in found:
            raise fail(f"--fee {text!r} belongs to no --fill")
        found[trade_id] = replace(found[trade_id], fees=(*found[trade_id].fees, fee))
    return list(found.values())


def _fill(text: str) -> FoundFill:
    parts = text.rsplit(",", 3)
    try:
        trade_id, quantity, price, at_ms = parts
        return FoundFill(trade_id, parse_decimal(quantity), parse_decimal(price), int(at_ms))
    except (ValueError, NotADecimal):
        raise fail(f"--fill must be TRADE_ID,QUANTITY,PRICE,MILLISECONDS, not {text!r}") from None


def _run(work: Callable[[Administration], Awaitable[T]]) -> T:
    settings = loaded_settings().settings

    async def whole() -> T:
        async with open_current_database(settings) as dsn, open_administration(settings, dsn) as office:
            return await work(office)

    with plain_failures():
        try:
            return asyncio.run(whole())
        except CadenzaError as error:
            raise fail(str(error)) from None

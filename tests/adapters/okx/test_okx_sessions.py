"""The life of a session at OKX."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.life_cases import HALF, DelistingCases, LifeCases
from tests.conformance.harness import believed
from tests.inhouse_kit import RecordingSink, kinds, replayed, until
from tests.okx_kit import MARKETS, OkxDesk, open_okx_desk, simulated_okx

from cadenza.adapters.venues.okx.spec import UNFILLED_MEMORY_MS
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.accounts.trading_account import AccountType, PositionMode, PositionSide
from cadenza.domain.errors import CredentialRejected
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.market.instrument import InstrumentType
from cadenza.domain.trading.enums import OrderStatus, RejectReason
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExternalOrderReport,
    PositionReport,
    RejectedReport,
)
from cadenza.ports.venue import KeyRights

INVERSE = "BTC/USD-PERP"


@pytest.fixture(params=list(MARKETS))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OkxDesk]:
    level = "3" if request.param == "margin" else "2"
    async with simulated_okx(tmp_path, account_level=level) as venue, open_okx_desk(venue, request.param) as opened:
        yield opened


class TestOkxLife(LifeCases, DelistingCases):
    """In every market."""


@pytest.fixture
async def swap_desk(tmp_path: Path) -> AsyncIterator[OkxDesk]:
    async with simulated_okx(tmp_path) as venue, open_okx_desk(venue, "swap") as opened:
        yield opened


@pytest.fixture
async def spot_desk(tmp_path: Path) -> AsyncIterator[OkxDesk]:
    async with simulated_okx(tmp_path) as venue, open_okx_desk(venue) as opened:
        yield opened


def stop(desk: OkxDesk, price: str, **fields: Any) -> Order:
    """A stop to buy half a bitcoin."""
    made = desk.limit("0.5", None, type=OrderType.STOP, stop=price)
    return replace(made, time_in_force=TimeInForce.GTC, **fields)


async def reach(desk: OkxDesk, price: str) -> None:
    """Others trade at a price."""
    name = desk.instrument.external_symbol
    await desk.venue.post(
        "market", {"symbol": name, "trade_side": "BUY", "trade_price": price, "trade_quantity": "0.01"}
    )


# --- the algo service


async def test_a_stop_that_is_triggered_stays_the_same_order(desk: OkxDesk) -> None:
    desk.order = stop(desk, "60100")
    accepted = await desk.session.submit(desk.order)
    (first,) = accepted
    assert isinstance(first, AcceptedReport)
    assert first.venue_order_id is not None
    assert first.venue_order_id.startswith("algo-")
    await reach(desk, "60100")
    await until(lambda: desk.believed(accepted).status is OrderStatus.FILLED, "the fill")
    filled = desk.believed(accepted)
    assert filled.executed_quantity == HALF
    assert filled.former_venue_order_ids == (first.venue_order_id,)
    assert {each.sent_id for each in desk.sink.of(ExternalOrderReport)} == {desk.order.sent_id}
    asked = desk.believed(await desk.session.lookup([desk.order]))
    assert (asked.status, asked.executed_quantity) == (OrderStatus.FILLED, HALF)


async def test_a_stop_that_is_triggered_while_the_connector_is_dead_is_found(desk: OkxDesk) -> None:
    desk.order = stop(desk, "60100")
    accepted = await desk.session.submit(desk.order)
    await desk.connector.stop()
    await reach(desk, "60100")
    await desk.again()
    found = await replayed(desk.session, accepted[0].at_ms)
    assert desk.believed(accepted, found).executed_quantity == HALF
    identified = await desk.session.identify(desk.instrument.id, accepted[0].venue_order_id or "")
    assert desk.believed(accepted, identified).status is OrderStatus.FILLED


async def test_a_stop_is_shown_and_can_be_canceled(desk: OkxDesk) -> None:
    desk.order = stop(desk, "60100")
    accepted = await desk.session.submit(desk.order)
    (shown,) = (await desk.session.snapshot()).open_orders
    assert (shown.sent_id, shown.stop_price, shown.quantity) == (desk.order.sent_id, Decimal(60100), HALF)
    assert await desk.session.cancel(desk.believed(accepted)) == []
    await until(lambda: desk.believed(accepted).status is OrderStatus.CANCELED, "the end")
    assert await desk.truth() == ["CANCELED"]


async def test_a_stop_through_its_trigger_is_refused(desk: OkxDesk) -> None:
    (report,) = await desk.session.submit(stop(desk, "50000"))
    assert isinstance(report, RejectedReport)
    assert report.reason == RejectReason.STOP_WOULD_TRIGGER


# --- what the venue forgets, and whose the account is


async def test_an_order_that_ended_unfilled_is_forgotten_after_two_hours(spot_desk: OkxDesk) -> None:
    desk = spot_desk
    accepted = await desk.session.submit(desk.order)
    await desk.session.cancel(desk.order)
    await until(lambda: desk.believed(accepted).status is OrderStatus.CANCELED, "the end")
    works = believed(desk.order, accepted)
    await desk.venue.post("memory", {"age_ms": UNFILLED_MEMORY_MS + 60_000})
    desk.venue.clock.advance(UNFILLED_MEMORY_MS + 60_000)
    found = await desk.session.lookup([works])
    assert kinds(found) == ["Canceled"]
    assert believed(works, found).executed_quantity == 0


async def test_a_key_shows_its_rights(spot_desk: OkxDesk) -> None:
    made = await spot_desk.venue.post("keys", {"can_trade": False, "can_withdraw": True, "addresses": ["127.0.0.1"]})
    secrets = Secrets(made["key"], made["secret"], None, {"passphrase": made["passphrase"]})
    reached = await spot_desk.connector.verify(CredentialType.HMAC, secrets)
    assert reached.rights == KeyRights(may_withdraw=True, is_bound_to_addresses=True, may_trade=False)
    sink = RecordingSink()
    session = await spot_desk.connector.open_session(spot_desk.account, CredentialType.HMAC, secrets, sink)
    assert kinds(await session.submit(spot_desk.order)) == ["Rejected"]
    assert (await session.snapshot()).open_orders == ()
    assert sink.life == []


async def test_a_key_that_is_revoked_while_live_ends_the_session(spot_desk: OkxDesk) -> None:
    secrets = spot_desk.venue.secrets()
    await spot_desk.venue.post("keys", {"revoke": secrets.api_key})
    await spot_desk.venue.cut()
    await until(lambda: "ended" in [what for what, _ in spot_desk.sink.life], "the end")
    with pytest.raises(CredentialRejected):
        await spot_desk.connector.verify(CredentialType.HMAC, secrets)


@pytest.mark.parametrize(
    ("level", "types"),
    [
        ("1", {AccountType.SPOT}),
        ("2", {AccountType.SPOT, AccountType.FUTURES, AccountType.OPTIONS}),
        ("3", {AccountType.MARGIN, AccountType.FUTURES, AccountType.OPTIONS}),
        ("4", {AccountType.MARGIN, AccountType.FUTURES, AccountType.OPTIONS}),
    ],
)
async def test_the_account_mode_decides_what_is_traded(spot_desk: OkxDesk, level: str, types: set[AccountType]) -> None:
    await spot_desk.venue.post("account", {"level": level})
    reached = await spot_desk.connector.verify(CredentialType.HMAC, spot_desk.venue.secrets())
    assert {each.type for each in reached.accounts} == types
    assert len({each.external_id for each in reached.accounts}) == len(types)


async def test_a_mode_that_does_not_trade_the_account_any_more_is_named(spot_desk: OkxDesk) -> None:
    await spot_desk.venue.post("account", {"level": "3"})
    with pytest.raises(CredentialRejected, match="MULTI_CURRENCY, which trades MARGIN, FUTURES, OPTIONS"):
        await spot_desk.again()


async def test_a_demo_key_trades_in_the_test_environment_alone(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue:
        async with open_okx_desk(venue, environment=Environment.UAT) as desk:
            assert kinds(await desk.session.submit(desk.order)) == ["Accepted"]
        live = venue.connector()
        await live.start()
        with pytest.raises(CredentialRejected, match="50101"):
            await live.verify(CredentialType.HMAC, venue.secrets(is_demo=True))
        await live.stop()


# --- contracts


async def test_hedged_positions_have_a_row_for_each_side(tmp_path: Path) -> None:
    async with (
        simulated_okx(tmp_path, position_mode="long_short_mode") as venue,
        open_okx_desk(venue, "swap") as desk,
    ):
        assert desk.account.position_mode is PositionMode.HEDGE
        for side in Side:
            await desk.session.submit(desk.limit("0.1", None, side))
        await until(lambda: len({each.side for each in desk.sink.of(PositionReport)}) == 2, "both rows")
        rows = (await desk.session.snapshot()).positions or ()
        assert {(each.side, each.quantity) for each in rows} == {
            (PositionSide.LONG, Decimal("0.1")),
            (PositionSide.SHORT, Decimal("-0.1")),
        }
        assert {each.position_side for each in desk.sink.fills} == {PositionSide.LONG, PositionSide.SHORT}


async def test_an_inverse_swap_is_traded_in_its_quote_units(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue, open_okx_desk(venue, "swap", instrument=INVERSE) as desk:
        order = desk.limit("700", None)
        await desk.session.submit(order)
        await until(lambda: sum(each.quantity for each in desk.sink.fills) == 700, "the fills")
        (fill, *_) = desk.sink.fills
        assert [fee.asset for fee in fill.fees] == ["BTC"]
        await until(lambda: bool(desk.sink.of(PositionReport)), "the position")
        (position,) = (await desk.session.snapshot()).positions or ()
        assert (position.instrument_id, position.quantity) == (desk.instrument.id, 700)
        truth = await venue.get("truth")
        assert {(each["symbol"], Decimal(each["amount"])) for each in truth["positions"]} == {("BTC-USD-SWAP", 7)}


async def test_an_option_is_bought_and_kept_as_a_position(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue:
        connector = venue.connector()
        await connector.start()
        listed = (await connector.instruments()).instruments
        await connector.stop()
        option = next(each for each in listed if each.type is InstrumentType.OPTION)
        assert option.price_steps
        price = option.pip_size * 100
        async with open_okx_desk(venue, type=AccountType.OPTIONS, instrument=option.symbol) as desk:
            await desk.show(Side.SELL, price, option.lot_size * 5)
            order = desk.limit(str(option.lot_size * 3), str(price), time_in_force=TimeInForce.FOK)
            await desk.session.submit(order)
            await until(lambda: bool(desk.sink.fills), "the fill")
            assert sum(each.quantity for each in desk.sink.fills) == option.lot_size * 3
            (position,) = (await desk.session.snapshot()).positions or ()
            assert (position.instrument_id, position.quantity) == (option.id, option.lot_size * 3)
            (refused,) = await desk.session.submit(desk.limit(str(option.lot_size), None))
            assert isinstance(refused, RejectedReport)


# --- what is off the list, twice, or too much


async def test_orders_of_an_instrument_that_cannot_be_read_after_a_restart_can_be_canceled(desk: OkxDesk) -> None:
    accepted = await desk.session.submit(desk.order)
    name = desk.instrument.external_symbol
    desk.venue.simulator.venue.exchange.states[name] = "ODD"
    await desk.again()
    listed = await desk.connector.instruments()
    assert desk.instrument.id not in {each.id for each in listed.instruments}
    assert [(each.external_symbol, "ODD" in each.cause) for each in listed.unreadable] == [(name, True)]
    assert desk.believed(await desk.session.lookup([desk.order])).status is OrderStatus.ACCEPTED
    desk.venue.simulator.venue.exchange.states[name] = "live"
    await desk.fill()
    await until(lambda: bool(desk.sink.fills), "the fill")
    await desk.session.cancel(desk.order)
    await until(lambda: desk.believed(accepted).status is OrderStatus.CANCELED, "the end")


STORM_S_MAX = 240


async def test_a_storm_is_never_too_fast_and_cancels_overtake(tmp_path: Path) -> None:
    """The venue takes 60 orders and 60 cancels of an instrument in two seconds."""
    async with simulated_okx(tmp_path, is_limited=True) as venue, open_okx_desk(venue) as desk:
        first = desk.resting("0.001")
        await desk.session.submit(first)
        patient = {"send_before_ms": venue.clock.now_ms() + 600_000}
        many = [replace(desk.limit("0.001", "50000"), **patient) for _ in range(300)]
        storm = [asyncio.create_task(_in_and_out(desk, order)) for order in many]
        await until(lambda: len(desk.sink.of(ExternalOrderReport)) > 50, "the storm")
        assert await desk.session.cancel(first) == []
        assert not all(task.done() for task in storm), "the cancel overtook"

        async with asyncio.timeout(STORM_S_MAX):
            while not all(task.done() for task in storm):
                venue.clock.advance(10)
                await asyncio.sleep(0.001)
        assert {task.result() for task in storm} == {("Accepted",)}
        refused = [each for each in await venue.get("requests") if each["outcome"] != "OK"]
        assert not refused, "50011 never comes"
        await until(lambda: len(desk.sink.of(CanceledReport)) == len(many) + 1, "the ends")
        assert not (await desk.session.snapshot()).open_orders


async def _in_and_out(desk: OkxDesk, order: Order) -> tuple[str, ...]:
    reply = kinds(await desk.session.submit(order))
    return (*reply, *kinds(await desk.session.cancel(order)))

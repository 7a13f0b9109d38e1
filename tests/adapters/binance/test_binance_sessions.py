"""The life of a session: streams that break or fall silent, venues that are away, keys that are revoked, clocks that
jump, and a storm."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.adapters.life_cases import LifeCases
from tests.binance_kit import MARKETS, SUBSCRIBE, Desk, open_desk, simulated_binance
from tests.conformance.harness import believed
from tests.inhouse_kit import RecordingSink, kinds, replayed, until
from tests.serving import eventually
from tests.simulated_kit import MovableClock

from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import CredentialRejected, VenueUnavailable
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import BalanceReport, ExternalOrderReport
from cadenza.network.pace_windows import WindowLimit
from cadenza.ports.venue import KeyRights, VenueStatus
from cadenza.simulators.binance.wire.limits import VenueLimits

HALF = Decimal("0.5")
STORM_S = 240.0


@pytest.fixture(params=list(MARKETS))
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=request.param) as opened:
        yield opened


@pytest.fixture
async def spot_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with simulated_binance(tmp_path) as venue, open_desk(venue) as opened:
        yield opened


class TestBinanceLife(LifeCases):
    """In every market."""


@pytest.mark.parametrize("kind", [CredentialType.HMAC, CredentialType.RSA, CredentialType.ED25519])
async def test_keys_of_all_three_kinds_trade(tmp_path: Path, kind: CredentialType) -> None:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, kind) as desk:
        assert kinds(await desk.session.submit(desk.order)) == ["Accepted"]
        await desk.fill()
        await until(lambda: bool(desk.sink.fills), "the fill")
        assert kinds(await desk.session.cancel(desk.order)) == ["Canceled"]


async def test_a_symbol_traded_long_ago_is_asked_about_although_nothing_of_it_is_held(spot_desk: Desk) -> None:
    """An order that ended within the gap, in a symbol with neither open orders nor holdings."""
    desk = spot_desk
    desk.instrument = next(
        each for each in (await desk.connector.instruments()).instruments if each.external_symbol == "ETHBTC"
    )
    order = desk.limit("1", "0.04")
    accepted = await desk.session.submit(order)
    await until(lambda: bool(desk.sink.reports), "the stream's word")
    await until(lambda: "ETHBTC" in "".join(desk.venue.memories.values.values()), "the memory")
    await desk.connector.stop()
    venue = desk.venue.simulator.venue
    venue.settings.deposits.clear()
    await desk.venue.post("deposits", {"asset": "ETH", "amount": "-100"})
    await desk.again()
    found = await replayed(desk.session, accepted[0].at_ms)
    assert believed(order, found).status is OrderStatus.ACCEPTED


async def test_orders_of_an_instrument_that_cannot_be_read_after_a_restart_can_be_canceled(desk: Desk) -> None:
    """A symbol with a status that is not known is listed as unreadable; its orders are looked up, canceled and
    reported all the same."""
    await desk.session.submit(desk.order)
    market = desk.venue.simulator.venue.usdm if desk.market == "usdm" else desk.venue.simulator.venue.spot
    market.exchange.statuses["BTCUSDT"] = "ODD"
    await desk.again()
    listed = await desk.connector.instruments()
    assert desk.instrument.id not in {each.id for each in listed.instruments}
    (unreadable,) = listed.unreadable
    assert (unreadable.external_symbol, "ODD" in unreadable.cause) == ("BTCUSDT", True)
    assert desk.believed(await desk.session.lookup([desk.order])).status is OrderStatus.ACCEPTED
    market.exchange.statuses["BTCUSDT"] = "TRADING"
    await desk.fill()
    await until(lambda: bool(desk.sink.fills), "the fill")
    assert kinds(await desk.session.cancel(desk.order)) == ["Canceled"]


async def test_user_data_connects_at_the_pace_that_the_venue_allows_however_often_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = WindowLimit(2, 20_000)
    monkeypatch.setattr("cadenza.adapters.venues.binance.connector.USER_CONNECTS", window)
    async with simulated_binance(tmp_path) as venue, open_desk(venue) as desk:
        opened_ms = [venue.clock.monotonic_ms()]

        def is_back() -> bool:
            venue.clock.advance(250)
            return desk.session.is_caught_up()

        for _ in range(4):
            await venue.cut()
            await until(lambda: not desk.session.is_caught_up(), "the loss")
            await until(is_back, "another connection")
            opened_ms.append(venue.clock.monotonic_ms())
        for nth in range(len(opened_ms) - window.weight_max):
            assert opened_ms[nth + window.weight_max] - opened_ms[nth] >= window.length_ms


async def test_a_venue_that_is_down_fails_the_start_and_is_reached_later(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue:
        connector = venue.connector()
        await venue.fault("time", "error_before", times=3)
        with pytest.raises(VenueUnavailable):
            await connector.start()
        assert connector.status() is VenueStatus.OFFLINE
        with pytest.raises(VenueUnavailable):
            await connector.instruments()
        await venue.disarm()
        await connector.start()
        assert connector.status() is VenueStatus.ONLINE
        await connector.stop()


async def test_a_key_that_is_revoked_while_live_ends_the_session(spot_desk: Desk) -> None:
    desk = spot_desk
    await desk.session.submit(desk.order)
    await desk.venue.post("keys", {"revoke": desk.venue.secrets().api_key})
    await until(lambda: "ended" in [what for what, _ in desk.sink.life], "the end")
    reply = await desk.session.submit(desk.resting())
    assert kinds(reply) == ["Rejected"]
    with pytest.raises(CredentialRejected):
        await desk.connector.verify(CredentialType.HMAC, Secrets("0" * 64, "0" * 64, None))


async def test_a_key_that_may_only_read_shows_the_account_and_does_not_trade(spot_desk: Desk) -> None:
    desk = spot_desk
    made = await desk.venue.post("keys", {"kind": "HMAC", "permissions": {"can_trade": False, "can_withdraw": True}})
    secrets = Secrets(made["key"], made["secret"], None)
    reached = await desk.connector.verify(CredentialType.HMAC, secrets)
    assert reached.accounts
    assert reached.rights == KeyRights(may_withdraw=True, is_bound_to_addresses=False)
    sink = RecordingSink()
    session = await desk.connector.open_session(desk.account, CredentialType.HMAC, secrets, sink)
    assert kinds(await session.submit(desk.order)) == ["Rejected"]
    assert (await session.snapshot()).open_orders == ()
    assert sink.life == []


SPOT_AWAY = [(503, ""), (401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')]


@pytest.mark.parametrize(("status", "body"), SPOT_AWAY)
async def test_usdm_is_opened_again_while_spot_is_away(tmp_path: Path, status: int, body: str) -> None:
    """The number of the user is spot's; after the first time nobody asks for it again, not even after a restart."""
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market="usdm") as desk:
        await venue.fault("spot:account.status", "error_before", times=100_000, status=status, body=body)
        await desk.again()
        assert kinds(await desk.session.submit(desk.order)) == ["Accepted"]


@pytest.mark.parametrize("market", ["spot", "usdm"])
async def test_the_key_of_somebody_else_opens_no_session(tmp_path: Path, market: str) -> None:
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=market) as desk:
        with pytest.raises(CredentialRejected, match="another account"):
            await desk.connector.open_session(desk.account, CredentialType.HMAC, venue.other_secrets(), RecordingSink())


async def test_the_venue_is_offline_while_usdm_alone_is_away(spot_desk: Desk) -> None:
    desk = spot_desk
    await desk.venue.fault("usdm:time", "error_before", times=100_000, status=503)
    connector: Any = desk.connector
    connector._ground.rest.doubt_clocks()
    await until(lambda: connector.status() is VenueStatus.OFFLINE, "USD-M is away")
    assert connector.trouble() == "USDM: the venue answered 503: status 503"
    await desk.venue.disarm()

    def is_back() -> bool:
        desk.venue.clock.advance(20)
        return connector.status() is VenueStatus.ONLINE

    await until(is_back, "the return")
    assert connector.trouble() is None


class Defect(Exception):
    """An error that nobody expects."""


def defective(*_: object) -> Any:
    raise Defect


@pytest.mark.parametrize("part", ["news", "agrees", "all_money", "target"])
async def test_a_defect_in_a_session_ends_it_and_is_logged(spot_desk: Desk, part: str) -> None:
    """It must not go on looking alive while one of its parts has stopped."""
    desk = spot_desk
    session: Any = desk.session
    owners = {
        "news": session._dialect,
        "agrees": session._life,
        "all_money": session._reader,
        "target": session._life._streams[0]._socket,
    }
    setattr(owners[part], "_target" if part == "target" else part, defective)
    with structlog.testing.capture_logs() as logs:
        if part == "target":
            await desk.venue.cut()
        session._wants_money.set()
        await desk.session.submit(desk.order)

        def has_ended() -> bool:
            desk.venue.clock.advance(500)
            return "ended" in [what for what, _ in desk.sink.life]

        await until(has_ended, "the end")
    (cause,) = [cause for what, cause in desk.sink.life if what == "ended"]
    assert cause == "an error of our own: Defect"
    (failed,) = [each for each in logs if each["event"] == "session_task_failed"]
    assert isinstance(failed["exc_info"], Defect)


@pytest.mark.parametrize("ahead_ms", [3_000, -3_000])
async def test_a_venue_whose_clock_differs_takes_orders(tmp_path: Path, ahead_ms: int) -> None:
    async with simulated_binance(tmp_path) as venue:
        await venue.post("faults", {"clock_offset_ms": ahead_ms})
        async with open_desk(venue) as desk:
            assert kinds(await desk.session.submit(desk.order)) == ["Accepted"]
            assert abs(desk.session.venue_time_ms() - venue.clock.now_ms() - ahead_ms) < 2_500


async def test_an_order_does_not_wait_longer_because_our_wall_clock_was_set_back(spot_desk: Desk) -> None:
    """It cannot leave within its deadline, and so not at all."""
    desk = spot_desk
    await desk.venue.fault("account.status", "too_many_requests", retry_after_s=30)
    with pytest.raises(VenueUnavailable):
        await desk.connector.verify(CredentialType.HMAC, desk.venue.secrets())
    desk.venue.clock.wall_offset_ms = -60_000
    submitting = asyncio.create_task(desk.session.submit(desk.order))
    await until(submitting.done, "the answer")
    assert kinds(submitting.result()) == ["NotSent"]


async def test_foreign_orders_and_transfers_come_in(spot_desk: Desk) -> None:
    desk = spot_desk
    other = await desk.connector.open_session(
        desk.account, CredentialType.RSA, desk.venue.secrets("RSA"), RecordingSink()
    )
    foreign = desk.resting("0.25", Side.SELL)
    await other.submit(foreign)
    await until(lambda: bool(desk.sink.of(ExternalOrderReport)), "the foreign order")
    (placed,) = desk.sink.of(ExternalOrderReport)
    assert (placed.side, placed.quantity) == (Side.SELL, Decimal("0.25"))
    await desk.venue.post("deposits", {"asset": "USDT", "amount": "1000"})

    def shows_deposit() -> bool:
        found = [each for each in desk.sink.of(BalanceReport) if each.asset == "USDT"]
        return bool(found) and found[-1].total == Decimal(1_001_000)

    await until(shows_deposit, "the deposit")
    numbers = [each.as_of for each in desk.sink.of(BalanceReport)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("market", ["margin", "usdm"])
async def test_money_that_moved_is_read_although_the_first_reading_fails(tmp_path: Path, market: str) -> None:
    """The stream has said that it moved, and not what it came to."""
    async with simulated_binance(tmp_path) as venue, open_desk(venue, market=market) as desk:
        await desk.session.snapshot()
        for name in ("account.status", "v2/account.status"):
            await venue.fault(name, "error_before", times=2)
        desk.sink.reports.clear()
        session: Any = desk.session
        session._wants_money.set()

        def is_read() -> bool:
            venue.clock.advance(100)
            return bool(desk.sink.of(BalanceReport))

        await until(is_read, "the balances")
        assert desk.sink.life == []


async def test_a_user_event_that_cannot_be_read_spoils_nothing(spot_desk: Desk) -> None:
    desk = spot_desk
    venue = desk.venue.simulator.venue
    venue.spot.user_streams._send("main", {"e": "executionReport", "s": "BTCUSDT", "X": "NEVER_SEEN"})
    await desk.session.submit(desk.order)
    await until(lambda: "ExternalOrder" in kinds(desk.sink.reports), "the order")
    assert kinds(desk.sink.reports)[0] == "Unreadable"


async def test_a_storm_gets_no_ban_and_cancels_overtake(tmp_path: Path) -> None:
    """5000 orders and cancels as fast as the venue lets them; its limits are narrower than the storm."""
    limits = VenueLimits(orders_per_10_seconds=2_000, weight_per_minute=2_000)
    clock = MovableClock()
    async with simulated_binance(tmp_path, clock, limits=limits) as venue, open_desk(venue) as desk:
        first = desk.resting("0.001")
        assert kinds(await desk.session.submit(first)) == ["Accepted"]
        patient = {"send_before_ms": clock.now_ms() + 600_000}
        many = [replace(desk.limit("0.001", "50000"), **patient) for _ in range(2_500)]
        storm = [asyncio.create_task(_in_and_out(desk, order)) for order in many]

        async def has_begun() -> bool:
            return len(await venue.get("requests")) > 100

        await eventually(has_begun)
        canceled = await desk.session.cancel(first)
        assert kinds(canceled) == ["Canceled"]
        assert not all(task.done() for task in storm), "the cancel overtook"

        async def is_over() -> bool:
            clock.advance(20)
            return all(task.done() for task in storm)

        await eventually(is_over, STORM_S)
        assert {tuple(task.result()) for task in storm} == {("Accepted", "Canceled")}
        refused = [each for each in await venue.get("requests") if each["outcome"] != "OK"]
        assert not refused, "neither a 429 nor a 418"
        assert not (await desk.session.snapshot()).open_orders


async def test_an_order_that_waits_for_its_pace_is_not_sent_once_it_is_canceled(tmp_path: Path) -> None:
    clock = MovableClock()
    limits = VenueLimits(orders_per_10_seconds=1)
    async with simulated_binance(tmp_path, clock, limits=limits) as venue, open_desk(venue) as desk:
        assert kinds(await desk.session.submit(desk.resting("0.001"))) == ["Accepted"]
        waiting = replace(desk.resting("0.002"), send_before_ms=clock.now_ms() + 60_000)
        submitting = asyncio.create_task(desk.session.submit(waiting))
        await asyncio.sleep(0)
        assert kinds(await desk.session.cancel(waiting)) == ["Withdrawn"]
        assert kinds(await submitting) == ["Withdrawn"]
        clock.advance(11_000)
        assert kinds(await desk.session.submit(desk.resting("0.003"))) == ["Accepted"]
        shown = (await desk.session.snapshot()).open_orders
        assert sorted(each.quantity for each in shown) == [Decimal("0.001"), Decimal("0.003")]


async def test_an_order_that_waits_for_its_pace_is_not_sent_by_a_session_that_is_closed(tmp_path: Path) -> None:
    clock = MovableClock()
    async with simulated_binance(tmp_path, clock, limits=VenueLimits(orders_per_10_seconds=1)) as venue:
        async with open_desk(venue) as desk:
            assert kinds(await desk.session.submit(desk.resting("0.001"))) == ["Accepted"]
            waiting = replace(desk.resting("0.002"), send_before_ms=clock.now_ms() + 60_000)
            submitting = asyncio.create_task(desk.session.submit(waiting))
            await asyncio.sleep(0)
            await desk.session.close()
            assert kinds(await submitting) == ["NotSent"]
            clock.advance(11_000)
        async with open_desk(venue) as desk:
            shown = (await desk.session.snapshot()).open_orders
            assert [each.quantity for each in shown] == [Decimal("0.001")]


async def _in_and_out(desk: Desk, order: Order) -> list[str]:
    reply = await desk.session.submit(order)
    if kinds(reply) != ["Accepted"]:
        return kinds(reply)
    return kinds([*reply, *await desk.session.cancel(order)])


async def test_a_subscription_that_is_refused_for_a_while_is_tried_again(spot_desk: Desk) -> None:
    desk = spot_desk
    await desk.venue.fault(SUBSCRIBE, "timeout_before", times=2)
    await desk.venue.cut()

    def is_back() -> bool:
        desk.venue.clock.advance(10)
        return [what for what, _ in desk.sink.life] == ["lost", "restored"]

    await until(is_back, "the stream's return")

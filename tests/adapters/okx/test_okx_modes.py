"""An account's owner changes its settings at OKX while it is connected here."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.inhouse_kit import kinds, until
from tests.okx_kit import OkxDesk, open_okx_desk, simulated_okx

from cadenza.adapters.venues.kit.account_settings import READ_AGAIN_MS
from cadenza.domain.accounts.trading_account import ExternalAccount, PositionMode
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import OrderStatus
from cadenza.domain.trading.order import Order
from cadenza.domain.trading.reports import RejectedReport

OTHER_POSITION_MODE = "the position mode at OKX is HEDGE, and the account was connected with NETTING"


@pytest.fixture
async def swap(tmp_path: Path) -> AsyncIterator[OkxDesk]:
    async with simulated_okx(tmp_path) as venue, open_okx_desk(venue, "swap") as opened:
        yield opened


async def refusal(desk: OkxDesk, order: Order) -> str:
    (report,) = await desk.session.submit(order)
    assert isinstance(report, RejectedReport)
    return report.reason


async def positions(desk: OkxDesk) -> dict[str, str]:
    truth = await desk.venue.get("truth")
    return {each["symbol"]: each["amount"] for each in truth["positions"]}


async def test_an_account_whose_position_mode_was_changed_opens_and_sends_no_order(swap: OkxDesk) -> None:
    """A SELL that reduces a netted position would open a short one beside it."""
    await swap.session.submit(swap.limit("0.1", None))
    accepted = await swap.session.submit(swap.order)
    before = await positions(swap)
    await swap.venue.post("account", {"position_mode": "long_short_mode"})
    await swap.again()
    assert swap.account.position_mode is PositionMode.NETTING
    for side in Side:
        assert OTHER_POSITION_MODE in await refusal(swap, swap.limit("0.1", None, side))
    assert await positions(swap) == before
    assert len((await swap.session.snapshot()).open_orders) == 1
    await swap.session.cancel(swap.believed(accepted))
    await until(lambda: swap.believed(accepted).status is OrderStatus.CANCELED, "the end")


async def test_an_account_whose_position_mode_is_set_back_trades_on(swap: OkxDesk) -> None:
    await swap.venue.post("account", {"position_mode": "long_short_mode"})
    await swap.again()
    session: Any = swap.session
    assert OTHER_POSITION_MODE in await refusal(swap, swap.resting("0.1"))
    await swap.venue.post("account", {"position_mode": "net_mode"})
    swap.venue.clock.advance(READ_AGAIN_MS)
    await until(lambda: session._orders.barred_by() is None, "the reading of the settings")
    assert kinds(await swap.session.submit(swap.resting("0.1"))) == ["Accepted"]


async def test_a_refusal_makes_a_live_session_learn_that_the_position_mode_was_changed(swap: OkxDesk) -> None:
    session: Any = swap.session
    await swap.venue.post("account", {"position_mode": "long_short_mode"})
    first = await refusal(swap, swap.resting("0.1"))
    assert "51000 Parameter posSide error: the position mode at OKX may be HEDGE now" in first
    assert "connected with NETTING" in first
    await until(lambda: session._orders.barred_by() is not None, "the reading of the settings")
    assert OTHER_POSITION_MODE in await refusal(swap, swap.resting("0.1"))
    assert swap.sink.life == []


async def test_a_session_ends_when_the_account_mode_does_not_trade_its_orders_any_more(tmp_path: Path) -> None:
    """It ends with the words that refuse the account when it is opened."""
    async with simulated_okx(tmp_path) as venue, open_okx_desk(venue) as desk:
        await venue.post("account", {"level": "3"})
        first = await refusal(desk, desk.resting("0.1"))
        assert "51000" in first
        assert "position mode" not in first
        await until(lambda: bool(desk.sink.life), "the end")
        ((what, cause),) = desk.sink.life
        assert what == "ended"
        assert "MULTI_CURRENCY, which trades MARGIN, FUTURES, OPTIONS accounts and not SPOT" in str(cause)


async def test_the_settings_are_read_once_for_several_refusals(swap: OkxDesk) -> None:
    """OKX has one code for every parameter that it does not take. Settings that are as they were change nothing."""
    session: Any = swap.session
    read, found = session._settings._read, []

    async def counted() -> ExternalAccount:
        found.append(await read())
        return found[-1]

    session._settings._read = counted
    for _ in range(3):
        session._settings.doubt()
    await until(lambda: bool(found), "the reading of the settings")
    assert kinds(await swap.session.submit(swap.resting("0.1"))) == ["Accepted"]
    assert len(found) == 1
    swap.venue.clock.advance(READ_AGAIN_MS)
    session._settings.doubt()
    await until(lambda: len(found) == 2, "another reading")
    assert swap.sink.life == []

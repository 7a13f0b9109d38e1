"""Kept reports: which unknown orders they name, and whether they may still move money."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from tests.domain.trading.worlds import ACCOUNT, BTC, D

from cadenza.adapters.storage.database import SqlStorage, open_pool
from cadenza.adapters.storage.kept import kept_row
from cadenza.domain.ids import InstrumentId, TradingAccountId
from cadenza.domain.market.enums import Side
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.kept import KeepReason, KeptReport
from cadenza.domain.trading.reports import CanceledReport, FillReport, Report
from cadenza.ports.storage.trading import UnknownOrder

OTHER = TradingAccountId(UUID(int=77))
ETH = InstrumentId("PAPER:ETH/USDT")


class Kept:
    def __init__(self, storage: SqlStorage, pool: object) -> None:
        self.storage, self._pool = storage, pool
        self._count = 0

    async def keep(self, *reports: Report, reason: KeepReason = KeepReason.NO_ORDER) -> None:
        for report in reports:
            self._count += 1
            row = kept_row(KeptReport(report=report, reason=reason, detail="", kept_at_ms=self._count))
            places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await self._pool.execute(f"INSERT INTO kept_reports VALUES ({places})", *row)  # type: ignore[attr-defined]


@pytest.fixture
async def kept(database_dsn: str) -> AsyncIterator[Kept]:
    pool = await open_pool(database_dsn, connections_max=2)
    yield Kept(SqlStorage(pool), pool)
    await pool.close()


def fill(name: str, *, account_id: TradingAccountId = ACCOUNT, trade_id: str = "1") -> FillReport:
    return FillReport(
        account_id=account_id, instrument_id=BTC, venue_order_id=name, at_ms=1, trade_id=trade_id, side=Side.BUY,
        price=D(1), quantity=D(1),
    )  # fmt: skip


async def test_each_account_has_its_own_page_of_unknown_orders(kept: Kept) -> None:
    await kept.keep(fill("V1", account_id=OTHER))
    await kept.keep(*(fill(f"V{n}") for n in range(300)))
    async with kept.storage.read() as uow:
        assert sorted(await uow.kept.accounts_without_order()) == sorted([ACCOUNT, OTHER])
        found = await uow.kept.without_order({ACCOUNT: None, OTHER: None}, 200)
    assert len(found[ACCOUNT]) == 200
    assert found[OTHER] == [UnknownOrder(OTHER, BTC, "V1")]


async def test_the_pages_of_an_account_name_every_unknown_order_once(kept: Kept) -> None:
    names = [f"V{n}" for n in range(7)]
    await kept.keep(*(fill(name, trade_id=str(trade)) for name in names for trade in range(5)))
    await kept.keep(replace(fill("V0"), instrument_id=ETH))
    after, found = None, []
    async with kept.storage.read() as uow:
        while page := (await uow.kept.without_order({ACCOUNT: after}, 3))[ACCOUNT]:
            after = page[-1]
            found += page
    expected = [UnknownOrder(ACCOUNT, BTC, name) for name in names] + [UnknownOrder(ACCOUNT, ETH, "V0")]
    assert sorted(found) == sorted(expected)


async def test_reports_that_need_no_order_or_no_name_are_left_out(kept: Kept) -> None:
    await kept.keep(fill("V1"), reason=KeepReason.REFUSED)
    await kept.keep(replace(fill("V2"), venue_order_id=None, sent_id="ours"))
    async with kept.storage.read() as uow:
        assert await uow.kept.accounts_without_order() == []
        assert await uow.kept.without_order({ACCOUNT: None}, 3) == {ACCOUNT: []}


async def test_a_fill_that_later_news_may_cure_may_move_money(kept: Kept) -> None:
    await kept.keep(fill("V1"), reason=KeepReason.REFUSED)
    await kept.keep(fill("V2", account_id=OTHER))
    await kept.keep(
        CanceledReport(
            account_id=ACCOUNT, instrument_id=BTC, venue_order_id="V3", at_ms=1, reason=CancelReason.USER,
            executed_quantity=None,
        )
    )  # fmt: skip
    async with kept.storage.read() as uow:
        assert not await uow.kept.may_move_money(ACCOUNT)
        assert await uow.kept.may_move_money(OTHER)
    await kept.keep(fill("V4"), reason=KeepReason.MORE_THAN_ORDERED)
    async with kept.storage.read() as uow:
        assert await uow.kept.may_move_money(ACCOUNT)

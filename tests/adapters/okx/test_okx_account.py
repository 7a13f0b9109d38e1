"""Documented balances and positions, as reports."""

import json
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from tests.adapters.okx.okx_world import FUTURES, INVERSE, LINEAR, SPOT

from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload
from cadenza.adapters.venues.okx.parse_account import balances, position_report
from cadenza.domain.accounts.trading_account import PositionSide
from cadenza.domain.trading.reports import BalanceReport

BALANCE = {
    "ccy": "USDT", "cashBal": "99.5", "availBal": "94.4", "frozenBal": "5.1", "eq": "99.8", "liab": "",
    "ordFrozen": "0", "uTime": "1744498994783",
}  # fmt: skip
POSITION = {
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "mgnMode": "cross", "posSide": "net", "pos": "-5", "avgPx": "10000",
    "lever": "10.0", "mmr": "0.1", "liqPx": "9000", "uTime": "1622559930237", "markPx": "10000", "upl": "0",
}  # fmt: skip


def raw(found: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(found).encode())


def balance(**changes: str) -> BalanceReport:
    (report,) = balances(raw({"details": [{**BALANCE, **changes}], "uTime": "1751531646836"}), SPOT, 7)
    return report


def test_a_balance() -> None:
    report = balance()
    assert (report.asset, report.total, report.locked, report.borrowed) == ("USDT", D("99.5"), D("5.1"), 0)
    assert report.at_ms == 1744498994783
    assert balance(uTime="").at_ms == 1751531646836


def test_a_balance_below_zero_is_a_debt() -> None:
    report = balance(cashBal="-20", availBal="0", liab="20.5")
    assert (report.total, report.locked, report.borrowed) == (0, 0, D("20.5"))
    assert balance(cashBal="-20", availBal="0", liab="").borrowed == 20


@pytest.mark.parametrize(("free", "locked"), [("120", "0"), ("", "0"), ("-3", "99.5")])
def test_what_is_free_may_count_profits_and_losses(free: str, locked: str) -> None:
    assert balance(availBal=free).locked == D(locked)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(UnreadablePayload):
        balance(cashBal="lots")


def test_a_position_counts_contracts() -> None:
    report = position_report(raw(POSITION), FUTURES, 7)
    assert report is not None
    assert (report.instrument_id, report.side, report.quantity) == (LINEAR, PositionSide.NET, D("-0.05"))
    assert (report.entry_price, report.leverage, report.maintenance_margin) == (D(10000), 10, D("0.1"))
    inverse = position_report(raw({**POSITION, "instId": "BTC-USD-SWAP", "pos": "3"}), FUTURES, 7)
    assert inverse is not None
    assert (inverse.instrument_id, inverse.quantity) == (INVERSE, 300)


@pytest.mark.parametrize(
    ("side", "size", "quantity"), [("long", "5", "0.05"), ("short", "5", "-0.05"), ("short", "-5", "-0.05")]
)
def test_a_hedged_position_is_a_row(side: str, size: str, quantity: str) -> None:
    report = position_report(raw({**POSITION, "posSide": side, "pos": size}), FUTURES, 7)
    assert report is not None
    assert (report.side.value, report.quantity) == (side.upper(), D(quantity))


def test_a_position_that_is_closed_is_nothing() -> None:
    report = position_report(raw({**POSITION, "pos": "", "avgPx": "", "lever": "", "mmr": ""}), FUTURES, 7)
    assert report is not None
    assert (report.quantity, report.entry_price, report.leverage, report.maintenance_margin) == (0, 0, None, None)


def test_positions_of_other_accounts_are_left_out() -> None:
    assert position_report(raw(POSITION), SPOT, 7) is None
    assert position_report(raw({**POSITION, "instType": "MARGIN"}), FUTURES, 7) is None
    with pytest.raises(UnknownMember):
        position_report(raw({**POSITION, "instType": "EVENTS"}), FUTURES, 7)

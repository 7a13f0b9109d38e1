"""What the venue remembers of orders and trades, and for how long."""

from typing import Any

import pytest

from .trader import PERPETUAL, HttpTrader, Refused

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def ids(rows: list[Any]) -> list[str]:
    return [row["order_id"] for row in rows]


async def move_clock(trader: HttpTrader, ahead_ms: int) -> None:
    await trader.admin("faults", clock_offset_ms=ahead_ms)


async def test_an_order_that_ended_is_forgotten_after_half_an_hour(trader: HttpTrader) -> None:
    ended = (await trader.buy(label="a"))["order"]["order_id"]
    await trader.post("private/cancel", order_id=ended)
    resting = (await trader.buy(label="a"))["order"]["order_id"]
    by_label = {"currency": "BTC", "label": "a"}
    await move_clock(trader, 29 * MINUTE_MS)
    assert ids(await trader.get("private/get_order_state_by_label", **by_label)) == [resting, ended]
    with pytest.raises(Refused):
        await trader.get("private/get_order_state", order_id=ended, historical=True)
    await move_clock(trader, 31 * MINUTE_MS)
    assert ids(await trader.get("private/get_order_state_by_label", **by_label)) == [resting]
    assert ids(await trader.get("private/get_order_state_by_label", **by_label, historical=True)) == [ended]
    with pytest.raises(Refused) as caught:
        await trader.get("private/get_order_state", order_id=ended)
    assert caught.value.code == 10004
    with pytest.raises(Refused) as caught:
        await trader.post("private/cancel", order_id=ended)
    assert caught.value.code == 10004
    old = await trader.get("private/get_order_state", order_id=ended, historical=True)
    assert old["order_state"] == "cancelled"
    assert (await trader.get("private/get_order_state", order_id=resting))["order_state"] == "open"


async def test_a_trade_is_recent_for_a_day(trader: HttpTrader) -> None:
    id = (await trader.buy(None))["order"]["order_id"]
    for ahead_ms, recent, historical in ((23 * HOUR_MS, 1, 0), (25 * HOUR_MS, 0, 1)):
        await move_clock(trader, ahead_ms)
        for params in ({"currency": "BTC"}, {"currency": "BTC", "kind": "future"}):
            found = await trader.get("private/get_user_trades_by_currency", **params)
            assert len(found["trades"]) == recent
            found = await trader.get("private/get_user_trades_by_currency", **params, historical=True)
            assert len(found["trades"]) == historical
        assert len(await trader.get("private/get_user_trades_by_order", order_id=id)) == recent
        assert len(await trader.get("private/get_user_trades_by_order", order_id=id, historical=True)) == historical


async def test_a_history_has_what_ended_the_latest_first(trader: HttpTrader) -> None:
    filled = ids([(await trader.buy(None))["order"], (await trader.sell(None))["order"]])
    unfilled = (await trader.buy())["order"]["order_id"]
    await trader.post("private/cancel_all")
    await trader.buy()
    by_currency, by_instrument = {"currency": "BTC"}, {"instrument_name": PERPETUAL}
    history = await trader.get("private/get_order_history_by_currency", **by_currency)
    assert ids(history) == filled[::-1]
    history = await trader.get("private/get_order_history_by_instrument", **by_instrument, include_unfilled=True)
    assert ids(history) == [unfilled, *filled[::-1]]
    page = await trader.get(
        "private/get_order_history_by_currency", **by_currency, count=1, with_continuation=True, include_unfilled=True
    )
    assert ids(page["orders"]) == [unfilled]
    page = await trader.get(
        "private/get_order_history_by_currency",
        **by_currency,
        count=2,
        with_continuation=True,
        include_unfilled=True,
        continuation=page["continuation"],
    )
    assert (ids(page["orders"]), page["continuation"]) == (filled[::-1], None)
    assert ids(await trader.get("private/get_order_history_by_currency", currency="ETH")) == []


async def test_open_orders_are_listed_by_what_they_are(trader: HttpTrader) -> None:
    plain = (await trader.buy(label="a"))["order"]["order_id"]
    stop = (await trader.sell(None, type="stop_market", trigger="last_price", trigger_price="59500"))["order"]
    linear = (await trader.buy("59000", "0.01", instrument_name="BTC_USDC-PERPETUAL"))["order"]["order_id"]
    everything = [plain, stop["order_id"], linear]
    for method, params, wanted in (
        ("get_open_orders", {}, everything),
        ("get_open_orders", {"type": "limit"}, [plain, linear]),
        ("get_open_orders", {"kind": "option"}, []),
        ("get_open_orders_by_currency", {"currency": "BTC"}, everything[:2]),
        ("get_open_orders_by_currency", {"currency": "USDC"}, [linear]),
        ("get_open_orders_by_instrument", {"instrument_name": PERPETUAL, "type": "stop_market"}, [stop["order_id"]]),
        ("get_open_orders_by_instrument", {"instrument_name": PERPETUAL, "type": "trigger_all"}, [stop["order_id"]]),
        ("get_open_orders_by_label", {"currency": "BTC", "label": "a"}, [plain]),
        ("get_open_orders_by_label", {"currency": "ETH", "label": "a"}, []),
    ):
        assert ids(await trader.get(f"private/{method}", **params)) == wanted, (method, params)


async def test_trades_come_page_by_page(trader: HttpTrader) -> None:
    numbers = [(await trader.buy(None, "10"))["trades"][0]["trade_seq"] for _ in range(5)]
    now_ms = await trader.get("public/get_time")
    times = {"start_timestamp": now_ms - HOUR_MS, "end_timestamp": now_ms}

    async def seqs(method: str, **params: Any) -> tuple[list[int], bool]:
        answer = await trader.get(f"private/get_user_trades_by_{method}", **params)
        return [trade["trade_seq"] for trade in answer["trades"]], answer["has_more"]

    of = {"instrument_name": PERPETUAL}
    assert await seqs("instrument", **of) == (numbers[::-1], False)
    assert await seqs("instrument", **of, count=2) == (numbers[:2:-1], True)
    assert await seqs("instrument", **of, sorting="asc", start_seq=numbers[1], count=2) == (numbers[1:3], True)
    assert await seqs("instrument_and_time", **of, **times, sorting="asc") == (numbers, False)
    assert await seqs("currency_and_time", currency="BTC", **times) == (numbers[::-1], False)
    before = {"start_timestamp": 1, "end_timestamp": now_ms - HOUR_MS}
    assert await seqs("currency_and_time", currency="BTC", **before) == ([], False)
    with pytest.raises(Refused) as caught:
        await seqs("currency_and_time", currency="BTC")
    assert caught.value.data["param"] == "start_timestamp"


async def test_a_new_order_may_be_found_late(trader: HttpTrader) -> None:
    await trader.admin("faults", lookup_lag_ms=HOUR_MS)
    id = (await trader.buy(label="new"))["order"]["order_id"]
    with pytest.raises(Refused) as caught:
        await trader.get("private/get_order_state", order_id=id)
    assert caught.value.code == 10004
    assert await trader.get("private/get_order_state_by_label", currency="BTC", label="new") == []
    assert await trader.get("private/get_open_orders") == []
    await trader.admin("faults", "DELETE")
    assert ids(await trader.get("private/get_open_orders")) == [id]


async def test_the_transaction_log_adds_up(trader: HttpTrader) -> None:
    await trader.buy(None, "1000")
    await trader.sell(None, "400")
    await trader.admin("deposits", currency="BTC", amount="2.5")
    now_ms = await trader.get("public/get_time")
    params = {"currency": "BTC", "start_timestamp": now_ms - DAY_MS, "end_timestamp": now_ms, "count": 2}
    rows, page = [], await trader.get("private/get_transaction_log", **params)
    rows += page["logs"]
    while page["continuation"] is not None:
        page = await trader.get("private/get_transaction_log", **params, continuation=page["continuation"])
        rows += page["logs"]
    assert [row["type"] for row in rows] == ["deposit", "fee", "trade", "fee", "deposit"]
    summary = await trader.get("private/get_account_summary", currency="BTC")
    assert sum(row["change"] for row in rows) == summary["balance"]
    assert sum(row["session_rpl"] for row in rows) == summary["session_rpl"]

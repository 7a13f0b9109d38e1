"""Positions, fees, margin, settlement and delivery: exact, and each in its currency."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.evolve import evolve
from cadenza.domain.market.enums import Side
from cadenza.simulators.deribit.market.instruments import INSTRUMENTS, DeribitInstrument
from cadenza.simulators.deribit.trading.ledger import DeribitLedger, money, payoff, worth_of
from cadenza.simulators.deribit.trading.records import DeribitOrder
from cadenza.simulators.deribit.trading.settlement import DAY_MS, last_settlement

from .trader import PERPETUAL, HttpTrader, Refused

D = Decimal
LINEAR, CALL, PUT, USDC_CALL = (
    "BTC_USDC-PERPETUAL",
    "BTC-27DEC30-60000-C",
    "BTC-27DEC30-60000-P",
    "BTC_USDC-27DEC30-60000-C",
)
LISTED = {each.name: each for each in INSTRUMENTS}


async def summary(trader: HttpTrader, currency: str) -> Any:
    return await trader.get("private/get_account_summary", currency=currency)


async def position(trader: HttpTrader, name: str = PERPETUAL) -> Any:
    return await trader.get("private/get_position", instrument_name=name)


async def test_an_inverse_future_profits_in_the_coin(trader: HttpTrader) -> None:
    await trader.buy(None, "60000")
    await trader.admin("prices", name=PERPETUAL, price="62000")
    held = await position(trader)
    # 60000 USD / 60006 - 60000 USD / 62000 BTC
    assert (held["size"], held["floating_profit_loss"]) == (60000, D("0.03215807"))
    await trader.admin("prices", name=PERPETUAL, price="0")
    await trader.sell(None, "60000")
    figures = await summary(trader, "BTC")
    # 60000 / 60006 - 60000 / 59994, and fees of 0.05 % of both
    assert figures["session_rpl"] == D("-0.0002")
    assert figures["balance"] == D(10) - D("0.00049995") - D("0.00050005")
    assert figures["equity"] == figures["balance"] + figures["session_rpl"]
    assert (await position(trader))["direction"] == "zero"


async def test_a_linear_future_profits_in_its_quote_currency(trader: HttpTrader) -> None:
    await trader.sell(None, "0.5", instrument_name=LINEAR)
    await trader.admin("prices", name=LINEAR, price="59000")
    held = await position(trader, LINEAR)
    assert (held["size"], held["average_price"], held["floating_profit_loss"]) == (D("-0.5"), 59994, 497)
    figures = await summary(trader, "USDC")
    assert figures["balance"] == 1_000_000 - D("14.9985")
    assert figures["equity"] == figures["balance"] + 497
    assert figures["initial_margin"] == D("590")
    assert (await summary(trader, "BTC"))["equity"] == 10


async def test_an_option_is_paid_for_and_valued(trader: HttpTrader) -> None:
    placed = await trader.buy(None, "1", instrument_name=CALL)
    (trade,) = placed["trades"]
    assert (trade["price"], trade["fee"], trade["fee_currency"]) == (D("0.0505"), D("0.0003"), "BTC")
    figures = await summary(trader, "BTC")
    assert figures["balance"] == 10 - D("0.0505") - D("0.0003")
    assert (figures["options_value"], figures["initial_margin"]) == (D("0.05"), 0)
    assert figures["equity"] == figures["balance"] + D("0.05")
    await trader.sell(None, "3", instrument_name=PUT)
    figures = await summary(trader, "BTC")
    assert figures["initial_margin"] == 3 * (D("0.15") + D("0.045"))
    assert figures["available_funds"] == figures["margin_balance"] - figures["initial_margin"]


async def test_a_fee_on_a_cheap_option_is_limited(trader: HttpTrader) -> None:
    levels = [{"side": "SELL", "price": "0.0002", "quantity": "10"}]
    await trader.admin("market", symbol=CALL, clear=True, levels=levels)
    (trade,) = (await trader.buy("0.0002", "10", instrument_name=CALL))["trades"]
    assert trade["fee"] == D("0.00025")  # 12.5 % of the price, which is less than 0.0003 BTC each


async def test_a_usdc_option_is_paid_for_in_usdc(trader: HttpTrader) -> None:
    (trade,) = (await trader.buy(None, "0.1", instrument_name=USDC_CALL))["trades"]
    assert (trade["price"], trade["fee"], trade["fee_currency"]) == (3005, D("1.8"), "USDC")
    assert (await summary(trader, "USDC"))["balance"] == 1_000_000 - D("300.5") - D("1.8")


async def test_spot_moves_both_assets(trader: HttpTrader) -> None:
    await trader.buy(None, "1", instrument_name="BTC_USDC")
    bitcoin, dollars = await summary(trader, "BTC"), await summary(trader, "USDC")
    assert (bitcoin["balance"], dollars["balance"]) == (11, 1_000_000 - 60006)
    await trader.sell("61000", "3", instrument_name="BTC_USDC")
    bitcoin = await summary(trader, "BTC")
    assert (bitcoin["spot_reserve"], bitcoin["available_funds"]) == (3, 8)
    with pytest.raises(Refused) as caught:
        await trader.sell("61000", "10", instrument_name="BTC_USDC")
    assert caught.value.code == 10009
    assert await trader.get("private/get_positions") == []


async def test_funds_that_orders_hold_are_not_available(trader: HttpTrader) -> None:
    await trader.buy("59000", "29000000")  # 491.5 BTC at 2 % needs 9.83 BTC
    with pytest.raises(Refused) as caught:
        await trader.buy("59000", "1000000")
    assert caught.value.code == 10009
    assert (await trader.sell("61000", "1000000"))["order"]["order_state"] == "open"  # the other side needs less
    await trader.post("private/cancel_all")
    assert (await summary(trader, "BTC"))["available_funds"] == 10


async def test_funding_is_paid_by_the_long_side(trader: HttpTrader) -> None:
    await trader.buy(None, "60000")
    before = await summary(trader, "BTC")
    await trader.admin("funding", instrument_name=PERPETUAL, rate="0.001")
    after = await summary(trader, "BTC")
    assert after["session_rpl"] - before["session_rpl"] == D("-0.001")
    assert (await position(trader))["realized_funding"] == D("-0.001")


async def test_a_settlement_moves_profits_into_the_balance(trader: HttpTrader) -> None:
    await trader.buy(None, "60000")
    await trader.sell(None, "10000")
    day = (await trader.buy("58000", "10", time_in_force="good_til_day"))["order"]["order_id"]
    await trader.admin("prices", name=PERPETUAL, price="62000")
    before = await summary(trader, "BTC")
    await trader.admin("settlement")
    after = await summary(trader, "BTC")
    assert after["equity"] == before["equity"]
    assert (after["session_rpl"], after["session_upl"]) == (0, 0)
    assert after["balance"] == before["balance"] + before["session_rpl"] + before["session_upl"]
    held = await position(trader)
    assert (held["settlement_price"], held["average_price"], held["floating_profit_loss"]) == (62000, 60006, 0)
    state = await trader.get("private/get_order_state", order_id=day)
    assert (state["order_state"], state["cancel_reason"]) == ("cancelled", "settlement")


async def test_the_day_ends_at_eight(trader: HttpTrader) -> None:
    order = (await trader.buy(time_in_force="good_til_day"))["order"]
    await trader.admin("faults", clock_offset_ms=DAY_MS)
    while (await trader.get("private/get_order_state", order_id=order["order_id"]))["order_state"] == "open":
        await trader.truth()
    assert last_settlement(8 * 3_600_000) == 8 * 3_600_000
    assert last_settlement(8 * 3_600_000 - 1) == -16 * 3_600_000


@pytest.mark.parametrize(
    ("name", "side", "currency", "paid", "brought"),
    [
        (CALL, "buy", "BTC", "0.0505", "0.07692307"),  # (65000 - 60000) / 65000 is 0.076923..., twice half of it
        (CALL, "sell", "BTC", "0.0495", "-0.07692308"),
        (PUT, "buy", "BTC", "0.0455", "0"),
        (USDC_CALL, "buy", "USDC", "3005", "5000"),
    ],
)
async def test_an_option_is_delivered_at_the_index(
    trader: HttpTrader, name: str, side: str, currency: str, paid: str, brought: str
) -> None:
    opening = (await summary(trader, currency))["balance"]
    (trade,) = (await trader.place(side, None, "1", instrument_name=name))["trades"]
    assert trade["price"] == D(paid)
    await trader.buy("0.01" if currency == "BTC" else "1000", "1", instrument_name=name)
    before = (await summary(trader, currency))["balance"]
    assert before == opening - D(paid) * (1 if side == "buy" else -1) - trade["fee"]
    await trader.admin("instruments", instrument_name=name, state="delivered", delivery_price="65000")
    after = (await summary(trader, currency))["balance"]
    assert abs(after - before - D(brought)) <= D("0.00000001")
    assert await trader.get("private/get_positions") == []
    assert await trader.get("private/get_open_orders") == []
    listed = [each["instrument_name"] for each in await trader.get("public/get_instruments")]
    assert name not in listed
    expired = await trader.get("public/get_instruments", expired=True)
    assert [(each["instrument_name"], each["state"]) for each in expired] == [(name, "delivered")]
    with pytest.raises(Refused) as caught:
        await trader.place(side, None, "1", instrument_name=name)
    assert caught.value.code == 10012


async def test_what_has_expired_is_delivered_by_itself(trader: HttpTrader) -> None:
    await trader.buy(None, "61000", instrument_name="BTC-27DEC30")
    await trader.admin("prices", name="btc_usd", price="62000")
    now_ms = await trader.get("public/get_time")
    await trader.admin("faults", clock_offset_ms=1_924_588_800_000 - now_ms)
    while await trader.get("private/get_positions"):
        await trader.truth()
    (future,) = (each for each in (await trader.truth())["states"] if each["instrument"] == "BTC-27DEC30")
    assert (future["state"], future["delivery_price"]) == ("delivered", "62000")
    names = await trader.get("public/get_instruments", currency="BTC", kind="future")
    assert [each["instrument_name"] for each in names] == [PERPETUAL]


# The laws of the ledger


def order(instrument: DeribitInstrument, side: Side) -> DeribitOrder:
    empty = dict.fromkeys(("original_type", "price", "display", "trigger", "trigger_price", "trigger_offset", "peak"))
    return DeribitOrder(
        id="1",
        account="me",
        instrument=instrument.name,
        side=side,
        type="limit",
        time_in_force="good_til_cancelled",
        amount=D(1),
        label="",
        is_post_only=False,
        rejects_post_only=False,
        is_reduce_only=False,
        state="open",
        created_ms=0,
        updated_ms=0,
        **empty,
    )


fills = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(50_000, 70_000), st.integers(1, 500)), min_size=1, max_size=30
)


@pytest.mark.parametrize("name", [PERPETUAL, LINEAR, CALL])
@given(fills=fills)
def test_what_trades_bring_is_what_they_cost(name: str, fills: list[tuple[Side, int, int]]) -> None:
    """Whatever is traded, money and position together are worth what was paid for and sold, to the rounding of each
    fill."""
    instrument = LISTED[name]
    scale = D("0.000001") if name == CALL else D(1)
    mark = D(60_000) * scale
    ledger = DeribitLedger(LISTED, lambda _: mark, lambda _: D(60_000), lambda _: [])
    worth, fees, size = D(0), D(0), D(0)
    for number, (side, price, lots) in enumerate(fills):
        amount = lots * instrument.lot
        booking = ledger.fill(
            order(instrument, side), price * scale, amount, is_maker=bool(number % 2), trade_id=str(number), at_ms=1
        )
        worth -= worth_of(instrument, side.sign * amount, price * scale)
        fees += booking.fee
        size += side.sign * amount
    worth += worth_of(instrument, size, mark) if size else D(0)
    assert ledger.position("me", name).size == size
    figures = ledger.figures("me", instrument.settlement)
    unit = D(1).scaleb(-8 if instrument.settlement == "BTC" else -6)
    assert abs(figures.equity - (worth - fees)) <= unit * (len(fills) + 1)
    assert figures.balance == sum(entry.amount for entry in ledger.entries)
    assert figures.session_realized == sum(entry.session for entry in ledger.entries)


@given(fills=fills, mark=st.integers(50_000, 70_000))
def test_a_settlement_changes_no_equity(fills: list[tuple[Side, int, int]], mark: int) -> None:
    instrument = LISTED[PERPETUAL]
    ledger = DeribitLedger(LISTED, lambda _: D(mark), lambda _: D(60_000), lambda _: [])
    for number, (side, price, lots) in enumerate(fills):
        amount = lots * instrument.lot
        ledger.fill(order(instrument, side), D(price), amount, is_maker=True, trade_id=str(number), at_ms=1)
    before = ledger.figures("me", "BTC")
    ledger.settle(ledger.position("me", PERPETUAL), 2)
    ledger.close_session("me", "BTC", 2)
    after = ledger.figures("me", "BTC")
    assert after.equity == before.equity
    assert (after.session_realized, after.session_unrealized) == (0, 0)


@pytest.mark.parametrize(
    ("name", "price", "brings"),
    [
        (CALL, 80_000, "0.25"),
        (CALL, 60_000, "0"),
        (PUT, 50_000, "0.2"),
        (PUT, 70_000, "0"),
        (USDC_CALL, 61_000, "1000"),
    ],
)
def test_payoffs(name: str, price: int, brings: str) -> None:
    assert payoff(LISTED[name], D(price)) == D(brings)


def test_money_has_the_decimals_of_its_currency() -> None:
    assert (money("BTC", D("0.123456785")), money("USDC", D("1.0000005"))) == (D("0.12345678"), D("1.000000"))


def test_an_average_is_the_amount_by_what_it_was_worth() -> None:
    inverse = evolve(order(LISTED[PERPETUAL], Side.BUY), filled=D(300), worth=D(100) / D(50) + D(200) / D(100))
    assert inverse.average_price(is_inverse=True) == 75
    linear = evolve(order(LISTED[LINEAR], Side.BUY), filled=D(3), worth=D(100) + D(2) * D(50))
    assert linear.average_price(is_inverse=False) == D("66.66666667")

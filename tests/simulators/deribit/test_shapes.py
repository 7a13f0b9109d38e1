"""The requests that the venue's OpenAPI document gives as examples are answered, with the fields that it documents."""

from typing import Any

import pytest

from .trader import PERPETUAL, HttpTrader

CALL, SPOT = "BTC-27DEC30-60000-C", "BTC_USDC"
LONG_AGO, FAR = 1_000_000_000_000, 4_000_000_000_000

PLACED = (
    "order_id order_state order_type time_in_force instrument_name creation_timestamp last_update_timestamp direction "
    "price label post_only api amount max_show web replaced"
)
ORDER = f"{PLACED} filled_amount average_price"
TRIGGER_ORDER = f"{PLACED} trigger trigger_price triggered"
PUBLIC_TRADE = (
    "trade_id instrument_name timestamp trade_seq direction tick_direction index_price price amount mark_price"
)
USER_TRADE = f"{PUBLIC_TRADE} order_id order_type matching_id fee fee_currency state liquidity label post_only"
POSITION = (
    "instrument_name kind average_price direction mark_price delta index_price initial_margin maintenance_margin "
    "settlement_price total_profit_loss floating_profit_loss realized_profit_loss size"
)
FUTURE_POSITION = f"{POSITION} size_currency leverage realized_funding interest_value estimated_liquidation_price"
OPTION_POSITION = f"{POSITION} gamma vega theta average_price_usd floating_profit_loss_usd"
SPOT_INSTRUMENT = (
    "kind base_currency quote_currency counter_currency min_trade_amount instrument_name instrument_id is_active state "
    "creation_timestamp expiration_timestamp tick_size tick_size_steps contract_size price_index maker_commission "
    "taker_commission block_trade_commission block_trade_min_trade_amount block_trade_tick_size rfq"
)
DERIVATIVE = f"{SPOT_INSTRUMENT} settlement_period settlement_currency instrument_type"
FUTURE = f"{DERIVATIVE} future_type max_leverage max_liquidation_commission"
OPTION = f"{DERIVATIVE} strike option_type"
SPOT_TICKER = (
    "instrument_name timestamp state stats index_price best_bid_price best_bid_amount best_ask_price best_ask_amount "
    "min_price max_price mark_price last_price estimated_delivery_price"
)
TICKER = f"{SPOT_TICKER} open_interest settlement_price"
PERPETUAL_TICKER = f"{TICKER} current_funding funding_8h interest_value"
OPTION_TICKER = f"{TICKER} mark_iv bid_iv ask_iv greeks underlying_price underlying_index interest_rate"
SUMMARY = (
    "instrument_name high low base_currency quote_currency volume volume_usd bid_price ask_price mid_price mark_price "
    "last creation_timestamp estimated_delivery_price price_change"
)
FIGURES = (
    "currency equity balance margin_balance available_funds available_withdrawal_funds initial_margin "
    "maintenance_margin projected_initial_margin projected_maintenance_margin session_upl session_rpl total_pl "
    "futures_pl futures_session_upl futures_session_rpl options_value options_pl options_session_upl "
    "options_session_rpl options_delta options_gamma options_vega options_theta options_gamma_map options_vega_map "
    "options_theta_map delta_total delta_total_map projected_delta_total portfolio_margining_enabled fee_balance "
    "spot_reserve additional_reserve margin_model cross_collateral_enabled limits"
)
USER = (
    "id type system_name username email security_keys_enabled creation_timestamp login_enabled mmp_enabled "
    "interuser_transfers_enabled self_trading_reject_mode self_trading_extended_to_subaccounts"
)
TRIGGER_LINE = (
    "timestamp last_update_timestamp trigger trigger_price trigger_offset trigger_order_id order_id order_state "
    "request instrument_name direction price amount reduce_only post_only order_type label source"
)
LOG_LINE = "id user_id user_seq type currency cashflow change session_rpl timestamp"
CURRENCY = (
    "coin_type currency currency_long min_confirmations min_withdrawal_fee withdrawal_fee withdrawal_priorities "
    "network_currency network_fee decimals fee_precision in_cross_collateral_pool"
)
TIMES = {"start_timestamp": LONG_AGO, "end_timestamp": FAR}
BTC, NAMED = {"currency": "BTC"}, {"instrument_name": PERPETUAL}

PUBLIC: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("public/test", {}, "", "version"),
    ("public/hello", {"client_name": "My Trading Software", "client_version": "1.0.2"}, "", "version"),
    ("public/status", {}, "", "locked locked_indices"),
    ("public/get_currencies", {}, "*", CURRENCY),
    ("public/get_instruments", BTC | {"kind": "future"}, "*", FUTURE),
    ("public/get_instruments", BTC | {"kind": "option"}, "*", OPTION),
    ("public/get_instruments", {"currency": "any", "kind": "spot", "expired": False}, "*", SPOT_INSTRUMENT),
    ("public/get_instrument", NAMED, "", FUTURE),
    ("public/get_order_book", NAMED | {"depth": 5}, "", f"{PERPETUAL_TICKER} bids asks change_id"),
    ("public/get_order_book", {"instrument_name": CALL}, "", f"{OPTION_TICKER} bids asks change_id"),
    ("public/ticker", NAMED, "", PERPETUAL_TICKER),
    ("public/ticker", NAMED, "stats", "high low price_change volume volume_usd volume_notional"),
    ("public/ticker", {"instrument_name": CALL}, "", OPTION_TICKER),
    ("public/ticker", {"instrument_name": CALL}, "greeks", "delta gamma vega theta rho"),
    ("public/ticker", {"instrument_name": SPOT}, "", SPOT_TICKER),
    ("public/get_index_price", {"index_name": "eth_usd"}, "", "index_price estimated_delivery_price"),
    ("public/get_last_trades_by_instrument", NAMED | {"count": 1}, "", "trades has_more"),
    ("public/get_last_trades_by_instrument", NAMED | {"count": 1}, "trades.*", PUBLIC_TRADE),
    ("public/get_last_trades_by_instrument_and_time", NAMED | TIMES | {"count": 1}, "trades.*", PUBLIC_TRADE),
    ("public/get_last_trades_by_currency", BTC | {"count": 1}, "trades.*", PUBLIC_TRADE),
    ("public/get_last_trades_by_currency_and_time", BTC | TIMES | {"count": 1}, "trades.*", PUBLIC_TRADE),
    (
        "public/get_book_summary_by_currency",
        BTC | {"kind": "future"},
        "*",
        f"{SUMMARY} open_interest volume_notional",
    ),
    (
        "public/get_book_summary_by_instrument",
        NAMED,
        "*",
        f"{SUMMARY} open_interest current_funding funding_8h",
    ),
    ("public/get_delivery_prices", {"index_name": "eth_usd"}, "data.*", "date delivery_price"),
    ("public/get_delivery_prices", {"index_name": "eth_usd", "offset": 0, "count": 5}, "", "data records_total"),
)
PRIVATE: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("private/get_order_state", {"order_id": "{order}"}, "", ORDER),
    ("private/get_order_state_by_label", BTC | {"label": "mine"}, "*", ORDER),
    ("private/get_open_orders", {"kind": "future", "type": "limit"}, "*", ORDER),
    ("private/get_open_orders", {"type": "trigger_all"}, "*", TRIGGER_ORDER),
    ("private/get_open_orders_by_currency", BTC, "*", PLACED),
    ("private/get_open_orders_by_instrument", NAMED, "*", PLACED),
    ("private/get_open_orders_by_label", BTC | {"label": "mine"}, "*", ORDER),
    ("private/get_order_history_by_currency", BTC | {"count": 1, "kind": "future"}, "*", ORDER),
    ("private/get_order_history_by_instrument", NAMED | {"count": 1}, "*", ORDER),
    ("private/get_trigger_order_history", BTC | {"count": 10}, "", "entries continuation"),
    ("private/get_trigger_order_history", BTC | {"count": 10}, "entries.*", TRIGGER_LINE),
    ("private/get_user_trades_by_currency", BTC | {"count": 2}, "", "trades has_more"),
    ("private/get_user_trades_by_currency", BTC | {"count": 2, "kind": "option"}, "trades.*", f"{USER_TRADE} iv"),
    ("private/get_user_trades_by_currency_and_time", BTC | TIMES | {"count": 1}, "trades.*", USER_TRADE),
    ("private/get_user_trades_by_instrument", NAMED | {"count": 5}, "trades.*", f"{USER_TRADE} reduce_only"),
    ("private/get_user_trades_by_instrument_and_time", NAMED | TIMES, "trades.*", USER_TRADE),
    ("private/get_user_trades_by_order", {"order_id": "{filled}"}, "*", USER_TRADE),
    ("private/get_positions", BTC | {"kind": "future"}, "*", FUTURE_POSITION),
    ("private/get_positions", BTC | {"kind": "option"}, "*", OPTION_POSITION),
    ("private/get_position", NAMED, "", FUTURE_POSITION),
    ("private/get_account_summary", BTC, "", FIGURES),
    ("private/get_account_summary", BTC | {"extended": True}, "", f"{FIGURES} {USER} fees"),
    ("private/get_account_summaries", {"extended": True}, "", f"{USER} summaries"),
    ("private/get_account_summaries", {}, "summaries.*", FIGURES),
    ("private/get_transaction_log", BTC | TIMES | {"count": 5}, "", "logs continuation"),
    ("private/get_transaction_log", BTC | TIMES | {"count": 5}, "logs.*", LOG_LINE),
    (
        "private/get_subaccounts",
        {"with_portfolio": True},
        "*",
        "id type username system_name email login_enabled tfa_enabled is_password receive_notifications "
        "security_keys_enabled security_keys_assignments",
    ),
    ("private/buy", {"instrument_name": "ETH-PERPETUAL", "amount": 40, "type": "market", "label": "m"}, "order", ORDER),
    ("private/buy", {"instrument_name": "ETH-PERPETUAL", "amount": 40, "type": "market"}, "trades.*", USER_TRADE),
    (
        "private/sell",
        {"instrument_name": PERPETUAL, "amount": 100, "price": 58_500, "trigger_price": 58_600}
        | {"type": "stop_limit", "trigger": "last_price"},
        "order",
        TRIGGER_ORDER,
    ),
    ("private/edit", {"order_id": "{order}", "amount": 200, "price": 59_100, "advanced": None}, "order", ORDER),
    ("private/edit_by_label", NAMED | {"label": "mine", "amount": 150, "price": 50_111}, "order", ORDER),
    ("private/cancel", {"order_id": "{trigger}"}, "", TRIGGER_ORDER),
    (
        "private/close_position",
        {"instrument_name": PERPETUAL, "type": "limit", "price": 60_500},
        "order",
        f"{ORDER} reduce_only",
    ),
)
COUNTED = (
    ("private/cancel_all", {}, 3),
    ("private/cancel_all_by_instrument", NAMED | {"type": "all"}, 2),
    ("private/cancel_all_by_currency", BTC | {"type": "limit"}, 2),
    ("private/cancel_all_by_kind_or_type", {"currency": ["BTC", "USDC"], "kind": "any", "type": "all"}, 3),
    ("private/cancel_all_by_kind_or_type", {"currency": "USDC", "kind": "spot", "type": "limit"}, 1),
    ("private/cancel_by_label", BTC | {"label": "mine"}, 1),
)


@pytest.fixture
async def named(trader: HttpTrader) -> dict[str, str]:
    """The ids of orders of an account in which everything has happened once."""
    filled = (await trader.buy(None, label="first"))["order"]
    await trader.buy("0.0505", "1", instrument_name=CALL)
    await trader.buy(None, "0.1", instrument_name=SPOT)
    order = (await trader.buy("59000", label="mine"))["order"]
    await trader.buy("59000", "0.1", instrument_name=SPOT)
    trigger = (await trader.sell(None, type="stop_market", trigger="last_price", trigger_price="55000"))["order"]
    ended = (await trader.sell(None, type="stop_market", trigger="last_price", trigger_price="54000"))["order"]
    await trader.post("private/cancel", order_id=ended["order_id"])
    await trader.admin("instruments", instrument_name="ETH-27DEC30-3000-C", state="delivered")
    return {"order": order["order_id"], "filled": filled["order_id"], "trigger": trigger["order_id"]}


def missing(found: Any, path: str, fields: str) -> set[str]:
    """Return the fields that are missing in what stands at the path; `*` is each item of a list that has some."""
    if not path:
        return set(fields.split()) - set(found)
    head, _, rest = path.partition(".")
    if head == "*":
        assert found, "an empty list says nothing of its fields"
        return set().union(*(missing(item, rest, fields) for item in found))
    return missing(found[head], rest, fields)


@pytest.mark.parametrize(("method", "params", "path", "fields"), [*PUBLIC, *PRIVATE])
async def test_an_answer_has_the_documented_fields(
    trader: HttpTrader, named: dict[str, str], method: str, params: dict[str, Any], path: str, fields: str
) -> None:
    given = {key: value.format(**named) if isinstance(value, str) else value for key, value in params.items()}
    given = {key: value for key, value in given.items() if value is not None}
    assert missing(await trader.post(method, **given), path, fields) == set()
    if method.startswith("public/"):
        assert missing(await trader.get(method, **given), path, fields) == set()


@pytest.mark.parametrize(("method", "params", "count"), COUNTED)
async def test_a_mass_cancel_says_how_many_it_canceled(
    trader: HttpTrader, named: dict[str, str], method: str, params: dict[str, Any], count: int
) -> None:
    assert await trader.post(method, **params) == count


async def test_other_answers_are_plain(trader: HttpTrader) -> None:
    assert abs(await trader.get("public/get_time") - trader._now_ms()) < 10_000
    assert {"btc_usd", "eth_usdc"} <= set(await trader.get("public/get_index_price_names"))
    rate = await trader.get("public/get_funding_rate_value", instrument_name="BTC-PERPETUAL", **TIMES)
    assert rate == 0


async def test_instruments_are_listed_by_currency_kind_and_expiry(trader: HttpTrader) -> None:
    async def names(**params: Any) -> set[str]:
        return {row["instrument_name"] for row in await trader.get("public/get_instruments", **params)}

    assert await names(currency="BTC", kind="future") == {PERPETUAL, "BTC-27DEC30"}
    assert await names(currency="BTC", kind="option") == {CALL, "BTC-27DEC30-60000-P"}
    assert await names(currency="BTC", kind="spot") == {"BTC_USDC", "ETH_BTC"}
    usdc = await names(currency="USDC")
    assert {"BTC_USDC-PERPETUAL", "ETH_USDC-PERPETUAL", "BTC_USDC-27DEC30", "BTC_USDC-27DEC30-60000-C"} <= usdc
    assert PERPETUAL not in usdc
    assert await names(currency="BTC", expired=True) == set()
    await trader.admin("instruments", instrument_name=CALL, state="delivered")
    assert await names(currency="BTC", kind="option") == {"BTC-27DEC30-60000-P"}
    assert await names(currency="BTC", expired=True) == {CALL}
    delivered = await trader.get("public/get_instrument", instrument_name=CALL)
    assert (delivered["state"], delivered["is_active"]) == ("delivered", False)
    prices = await trader.get("public/get_delivery_prices", index_name="btc_usd")
    assert prices == {"data": [{"date": "2030-12-27", "delivery_price": 60_000}], "records_total": 1}

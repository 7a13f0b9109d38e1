"""Conditional orders of USD-M: events and replies of the algo service, as documented, become reports."""

from decimal import Decimal as D
from typing import Any

import pytest
from tests.adapters.binance.binance_world import ACCOUNT, BNB_PERP, SENT_ID, USDM, order, payload

from cadenza.adapters.venues.binance.models_usdm import AlgoOrder
from cadenza.adapters.venues.binance.parse import UserNews
from cadenza.adapters.venues.binance.parse_usdm import algo_reports, facts_of_algo, user_news
from cadenza.adapters.venues.binance.usdm_dialect import UsdmDialect
from cadenza.adapters.venues.kit.order_facts import external
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.accounts.trading_account import PositionMode
from cadenza.domain.market.enums import OrderType, Side, TimeInForce
from cadenza.domain.trading.enums import CancelReason
from cadenza.domain.trading.reports import (
    AcceptedReport,
    CanceledReport,
    ExpiredReport,
    ExternalOrderReport,
    RejectedReport,
)

ALGO: dict[str, Any] = {
    "caid": SENT_ID,
    "aid": 2148719,
    "at": "CONDITIONAL",
    "o": "TAKE_PROFIT",
    "s": "BNBUSDT",
    "S": "SELL",
    "ps": "BOTH",
    "f": "GTC",
    "q": "0.01",
    "X": "NEW",
    "ai": "",
    "ap": "0.00000",
    "aq": "0.00000",
    "act": "0",
    "tp": "750",
    "p": "740",
    "V": "EXPIRE_MAKER",
    "wt": "CONTRACT_PRICE",
    "pm": "NONE",
    "cp": False,
    "pP": False,
    "R": False,
    "tt": 0,
    "gtd": 0,
    "rm": "",
}
ALGO_NAMES = {
    "account_id": ACCOUNT,
    "at_ms": 1750515742297,
    "instrument_id": BNB_PERP,
    "sent_id": SENT_ID,
    "venue_order_id": "algo-2148719",
}


def algo_news(**changes: Any) -> UserNews:
    event = {"e": "ALGO_UPDATE", "T": 1750515742297, "E": 1750515742303, "o": {**ALGO, **changes}}
    return user_news(payload(event), USDM)


def test_a_new_conditional_order() -> None:
    (report,) = algo_news().reports
    assert report == ExternalOrderReport(
        **ALGO_NAMES,
        side=Side.SELL,
        type=OrderType.TAKE_PROFIT_LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=D("0.01"),
        executed_quantity=D(0),
        limit_price=D(740),
        stop_price=D(750),
    )


@pytest.mark.parametrize("status", ["TRIGGERED", "FINISHED"])
def test_a_triggered_order_gets_the_id_of_the_order_that_it_became(status: str) -> None:
    found = algo_news(X=status, ai="8886774", aq="0.004")
    assert found == UserNews(
        reports=(
            AcceptedReport(
                **{**ALGO_NAMES, "venue_order_id": "8886774"},
                executed_quantity=D("0.004"),
                former_venue_order_id="algo-2148719",
            ),
        ),
        triggered="8886774",
    )


def test_a_trigger_without_an_order_yet_says_nothing() -> None:
    assert algo_news(X="TRIGGERING") == UserNews()


@pytest.mark.parametrize(("status", "reason"), [("CANCELED", CancelReason.USER), ("EXPIRED", CancelReason.VENUE)])
def test_a_conditional_order_that_ended(status: str, reason: CancelReason) -> None:
    (report,) = algo_news(X=status).reports
    assert report == CanceledReport(**ALGO_NAMES, reason=reason, executed_quantity=D(0))


def test_a_conditional_order_whose_time_has_come() -> None:
    (report,) = algo_news(X="EXPIRED", f="GTD", gtd=1750515742000).reports
    assert isinstance(report, ExpiredReport)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("Reduce Only reject", "OTHER: Reduce Only reject"),
        ("Margin is insufficient.", "INSUFFICIENT_MARGIN: Margin is insufficient."),
        (None, "OTHER"),
    ],
)
def test_a_conditional_order_that_the_matching_engine_refused(failure: str | None, reason: str) -> None:
    (report,) = algo_news(X="REJECTED", rm=failure).reports
    assert report == RejectedReport(**ALGO_NAMES, reason=reason)


def test_an_order_that_closes_a_position_is_not_reported_before_it_has_a_quantity() -> None:
    closing = {"cp": True, "q": "0", "f": "GTE_GTC", "o": "STOP_MARKET"}
    assert algo_news(**closing) == UserNews()
    assert algo_news(**closing, X="TRIGGERED", ai="55") == UserNews(triggered="55")


ALGO_REPLY: dict[str, Any] = {
    "algoId": 2146760,
    "clientAlgoId": SENT_ID,
    "algoType": "CONDITIONAL",
    "orderType": "TAKE_PROFIT",
    "symbol": "BNBUSDT",
    "side": "SELL",
    "positionSide": "BOTH",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "algoStatus": "NEW",
    "triggerPrice": "750.000",
    "price": "750.000",
    "icebergQuantity": None,
    "selfTradePreventionMode": "EXPIRE_MAKER",
    "workingType": "CONTRACT_PRICE",
    "priceMatch": "NONE",
    "closePosition": False,
    "priceProtect": False,
    "reduceOnly": False,
    "createTime": 1750485492076,
    "updateTime": 1750514545091,
    "triggerTime": 0,
    "goodTillDate": 0,
}
OUR_STOP = order(instrument_id=BNB_PERP, type=OrderType.TAKE_PROFIT_LIMIT, side=Side.SELL)


def algo(**changes: Any) -> AlgoOrder:
    return decode(AlgoOrder, payload(ALGO_REPLY, **changes))


def test_the_reply_to_a_conditional_order_and_to_a_question_about_it() -> None:
    (accepted,) = algo_reports(algo(), USDM, OUR_STOP)
    assert isinstance(accepted, AcceptedReport)
    assert (accepted.order_id, accepted.venue_order_id, accepted.executed_quantity) == (
        OUR_STOP.id,
        "algo-2146760",
        D(0),
    )
    (renamed,) = algo_reports(algo(algoStatus="FINISHED", actualOrderId="99"), USDM, OUR_STOP)
    assert isinstance(renamed, AcceptedReport)
    assert (renamed.venue_order_id, renamed.former_venue_order_id) == ("99", "algo-2146760")
    (canceled,) = algo_reports(algo(algoStatus="CANCELED", actualOrderId=""), USDM, OUR_STOP)
    assert isinstance(canceled, CanceledReport)
    (refused,) = algo_reports(algo(algoStatus="REJECTED"), USDM, OUR_STOP)
    assert isinstance(refused, RejectedReport)
    assert algo_reports(algo(algoStatus="TRIGGERING"), USDM, OUR_STOP) == ()


def test_a_conditional_order_of_somebody_else() -> None:
    placed = external(facts_of_algo(algo(), USDM))
    assert (placed.order_id, placed.sent_id, placed.venue_order_id) == (None, algo().client_algo_id, "algo-2146760")
    with pytest.raises(UnreadablePayload, match="another order"):
        algo_reports(algo(clientAlgoId="another"), USDM, OUR_STOP)


@pytest.mark.parametrize("status", ["CANCELED", "EXPIRED", "REJECTED"])
def test_the_end_of_a_triggered_order_states_its_new_id_first(status: str) -> None:
    rename, end = algo_news(X=status, ai="8886774").reports
    assert isinstance(rename, AcceptedReport)
    assert (rename.venue_order_id, rename.former_venue_order_id) == ("8886774", "algo-2148719")
    assert (rename.executed_quantity, end.venue_order_id) == (D(0), "8886774")  # type: ignore[attr-defined]


def test_an_answer_under_our_id_about_another_conditional_order_is_not_taken() -> None:
    ours = order(instrument_id=BNB_PERP, type=OUR_STOP.type, side=Side.SELL, venue_order_id="algo-1")
    with pytest.raises(UnreadablePayload, match="another order"):
        algo_reports(algo(), USDM, ours)
    (renamed,) = algo_reports(algo(algoId=1, algoStatus="TRIGGERED", actualOrderId="99"), USDM, ours)
    assert renamed.venue_order_id == "99"  # type: ignore[attr-defined]


def test_a_list_of_open_orders_shows_a_triggered_one_under_the_id_that_it_had() -> None:
    line = payload(ALGO_REPLY, algoStatus="TRIGGERED", actualOrderId="99")
    (facts,) = UsdmDialect(PositionMode.NETTING).open_orders((b"[]", b"[" + line + b"]"), USDM).facts
    assert external(facts).venue_order_id == "algo-2146760"

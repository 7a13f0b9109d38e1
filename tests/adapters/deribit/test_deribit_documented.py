"""Every response example of the venue's documents that is read here, by value: the catalogue, the market, the account,
and errors. Those about orders stand beside (`test_deribit_documented_orders`)."""

import re
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.deribit.deribit_world import DERIBIT
from tests.adapters.deribit.documented_world import (
    ANSWERS,
    INSTRUMENTS,
    RESPONSES,
    SIGNER,
    DocumentedVenue,
    body,
    raw,
    result,
    scope,
    told,
)

from cadenza.adapters.venues import deribit
from cadenza.adapters.venues.deribit import mapping
from cadenza.adapters.venues.deribit.account_reading import DeribitAccountSource
from cadenza.adapters.venues.deribit.classify import answer_of, classify_submit
from cadenza.adapters.venues.deribit.models import DeribitPrices, GrantedAccess, RpcFrame
from cadenza.adapters.venues.deribit.parse_account import balance_report, position_report
from cadenza.adapters.venues.deribit.parse_instruments import read_instruments
from cadenza.adapters.venues.deribit.parse_news import portfolio_news
from cadenza.adapters.venues.deribit.reached_accounts import ReachableAccounts
from cadenza.adapters.venues.deribit.stream_wire import DeribitChannels, PublicChannels
from cadenza.adapters.venues.kit.market_stream import SubscriptionReply
from cadenza.adapters.venues.kit.order_facts import Standing
from cadenza.adapters.venues.kit.payloads import decode
from cadenza.adapters.venues.kit.reply_outcome import ReplyVerdict
from cadenza.adapters.venues.kit.words import UnknownMember, UnreadablePayload, WordTable
from cadenza.domain.accounts.trading_account import AccountType, MarginMode
from cadenza.domain.market.enums import OrderType, Side
from cadenza.domain.market.instrument import ExerciseStyle, InstrumentStatus, InstrumentType
from cadenza.domain.money import divide
from cadenza.domain.trading.enums import RejectReason
from cadenza.domain.trading.reports import (
    PositionReport,
)
from cadenza.ports.venue import KeyRights

CONNECTOR = Path(str(deribit.__file__)).parent
FUTURES, OPTIONS = scope(), scope(AccountType.OPTIONS)


def test_every_method_that_is_called_has_an_example() -> None:
    """The document has 108 responses with an example. 21 of them are of the methods that the connector calls, and 11
    more have rows of the same kinds."""
    named = re.compile(r'"((?:public|private)/[a-z_]+)"')
    called = {method for file in CONNECTOR.glob("*.py") for method in named.findall(file.read_text())}
    assert called == set(ANSWERS)
    assert len(set(ANSWERS.values())) == 21
    assert set(ANSWERS.values()) <= set(RESPONSES)
    assert len(RESPONSES) == 32


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (mapping.SIDES, "buy sell"),
        (mapping.POSITION_SIGNS, "buy sell zero"),
        (mapping.ORDER_TYPES, "market limit stop_market stop_limit take_market take_limit trailing_stop market_limit"),
        (mapping.ORDER_TYPES, "liquidation"),
        (mapping.ORDER_STATES, "open filled rejected cancelled untriggered triggered"),
        (mapping.TIMES_IN_FORCE, "good_til_cancelled good_til_day fill_or_kill immediate_or_cancel"),
        (mapping.LIQUIDITY, "M T"),
        (mapping.INSTRUMENT_STATES, "open settlement delivered inactive locked halted archivized"),
        (mapping.CONTRACT_IS_INVERSE, "linear reversed"),
        (
            mapping.CANCEL_REASONS,
            "user_request autoliquidation cancel_on_disconnect risk_mitigation pme_risk_reduction pme_account_locked "
            "position_locked mmp_trigger mmp_config_curtailment edit_post_only_reject oco_other_closed "
            "oto_primary_closed settlement",
        ),
    ],
)
def test_every_word_of_the_documents_enums_is_known(table: WordTable[Any], words: str) -> None:
    for word in words.split():
        table.of(word)
    with pytest.raises(UnknownMember):
        table.of("dreaming")


# --- answers without an order


def test_the_time_is_a_number() -> None:
    answer = answer_of(body("PublicGetTimeResponse"))
    assert answer is not None
    assert answer.result is not None
    assert decode(int, answer.result) == 1550147385946


@pytest.mark.parametrize("name", ["OkResponse", "PublicTestResponse"])
def test_answers_about_the_heartbeat_say_nothing(name: str) -> None:
    assert PublicChannels().read(body(name)) is None


@pytest.mark.parametrize("name", ["PrivateSubscribeResponse", "Getunsubscribe200response"])
def test_a_subscription_lists_its_channels(name: str) -> None:
    id = int(RESPONSES[name]["id"])
    assert PublicChannels().read(body(name)) == SubscriptionReply(id=id, names=("deribit_price_index.btc_usd",))
    ending = PublicChannels()
    ending.requests(id, ["deribit_price_index.btc_usd"], is_wanted=False)
    assert ending.read(body(name)) == SubscriptionReply(id=id)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("PublicAuthResponse", "connection mainaccount"),
        ("PublicTokenResponse", "session:named_session mainaccount"),
    ],
)
def test_an_access_has_its_length_and_its_scope(name: str, scope: str) -> None:
    access = decode(GrantedAccess, result(name))
    assert (access.expires_in_s, access.refresh_token, access.scope) == (31_536_000, "1582628593469.1GP4rQd0", scope)


async def test_a_key_reaches_the_account_of_its_number_three_times() -> None:
    """Its scope names no area, so it may neither trade nor withdraw."""
    reached = await ReachableAccounts(DocumentedVenue().rest).reached(SIGNER)
    assert [each.external_id for each in reached.accounts] == ["10:MARGIN", "10:FUTURES", "10:OPTIONS"]
    assert {each.margin_mode for each in reached.accounts} == {MarginMode.STANDARD}
    assert reached.rights == KeyRights(may_withdraw=False, is_bound_to_addresses=False, may_trade=False)


# --- the catalogue and the market


def test_the_futures_of_the_list() -> None:
    read = read_instruments(result("PublicGetInstrumentsResponse"), DERIBIT)
    assert read.refused == ()
    dated, perpetual = read.instruments
    assert [each.id for each in read.instruments] == ["DERIBIT:BTC/USD-29SEP23", "DERIBIT:BTC/USD-PERP"]
    assert (dated.type, dated.delivery_at_ms, dated.pip_size) == (InstrumentType.FUTURES, 1695974400000, D("2.5"))
    assert (perpetual.type, perpetual.delivery_at_ms) == (InstrumentType.PERPETUAL, None)
    assert (perpetual.pip_size, perpetual.lot_size, perpetual.contract_size) == (D("0.5"), 10, 10)
    assert (perpetual.maker_fee, perpetual.taker_fee, perpetual.settled_in) == (0, D("0.0005"), "BTC")
    assert {each.status for each in read.instruments} == {InstrumentStatus.ACTIVE}
    assert all(each.is_inverse for each in read.instruments)


def test_an_option_of_the_document_has_two_steps_of_prices() -> None:
    (option,) = read_instruments(raw([RESPONSES["PublicGetInstrumentResponse"]["result"]]), DERIBIT).instruments
    assert (option.id, option.type) == ("DERIBIT:BTC/USD-13JAN23-16000-P", InstrumentType.OPTION)
    assert (option.strike_price, option.exercise_style) == (16_000, ExerciseStyle.EUROPEAN)
    assert (option.delivery_at_ms, option.order_filters["optionType"]) == (1673596800000, "PUT")
    assert option.price_steps == ((120, D("0.001")), (200, D("0.003")))
    valid = [option.is_valid_price(D(price)) for price in ("119.9995", "120.0005", "199.999", "200", "200.001")]
    assert valid == [True, False, True, False, True], "200 does not fit the step that applies from it on"


def test_a_book_without_asks_has_no_best_ask() -> None:
    """The example has 0 there; the schema allows null."""
    prices = decode(DeribitPrices, result("PublicGetOrderBookResponse"))
    assert (prices.bid, prices.ask) == (D("3955.75"), 0)
    none = {**RESPONSES["PublicGetOrderBookResponse"]["result"], "best_ask_price": None}
    assert decode(DeribitPrices, raw(none)).ask is None


def test_the_ticker_states_a_mark() -> None:
    channels = DeribitChannels(INSTRUMENTS["BTC-PERPETUAL"])
    assert channels.mark(result("PublicTickerResponse")) == D("36288.31")
    none = {**RESPONSES["PublicTickerResponse"]["result"], "best_bid_price": None, "best_ask_price": None}
    assert channels.mark(raw({**none, "last_price": None})) == D("36288.31")


def test_public_trades_are_rows_of_the_tape() -> None:
    rows = raw(RESPONSES["PublicTradesHistoryResponse"]["result"]["trades"])
    ((number, trade),) = DeribitChannels(INSTRUMENTS["BTC-24APR26-72000-C"]).numbered_trades(rows)
    assert (number, trade.trade_id, trade.price, trade.quantity) == (467, "415305279", D("0.0525"), 3)
    assert (trade.aggressor, trade.at_ms) == (Side.BUY, 1770984454552)


# --- the account


async def test_the_account_is_read() -> None:
    money = await DeribitAccountSource(DocumentedVenue().rest, SIGNER, FUTURES).money()
    assert money.unreadable == ()
    assert [(each.asset, each.total, each.locked) for each in money.balances] == [
        ("BTC", D("302.56807660"), D("1.18748038")),
        ("ETH", D(100), D("0.000402")),
    ]
    (position,) = money.positions
    assert (position.instrument_id, position.quantity) == ("DERIBIT:BTC/USD-PERP", 50)
    assert (position.entry_price, position.leverage) == (D("7440.18"), 34)
    assert position.maintenance_margin == D("0.000143783")
    assert position.settled_cost == divide(D(50), D("7476.65")), "at the price of the settlement"


def test_the_documented_equity_is_cash_with_realised_and_floating_profit_and_the_value_of_options() -> None:
    figures = RESPONSES["PrivateAccountResponse"]["result"]
    floating, options = D(str(figures["futures_session_upl"])), D(str(figures["options_value"]))
    total = balance_report(result("PrivateAccountResponse"), FUTURES, 7).total
    assert abs(total + floating + options - D(str(figures["equity"]))) <= D("0.00000001")


def test_a_portfolio_has_the_fields_of_a_summary() -> None:
    frame = decode(RpcFrame, b'{"method":"subscription","params":{"channel":"user.portfolio.btc","data":null}}')
    stated = decode(RpcFrame, told("user.portfolio.btc", RESPONSES["PrivateAccountResponse"]["result"]))
    balance = portfolio_news(stated, FUTURES, 7)
    assert (balance.asset, balance.total, balance.locked, balance.at_ms) == (
        "BTC", D("302.56807660"), D("1.18748038"), 7,
    )  # fmt: skip
    assert balance == balance_report(result("PrivateAccountResponse"), FUTURES, 7)
    with pytest.raises(UnreadablePayload):
        portfolio_news(frame, FUTURES, 7)


def test_positions_are_signed_by_their_direction() -> None:
    """The venue states -60 of a position that was sold, and 60 would mean the same."""
    rows = [each for user in RESPONSES["PrivateGetSubaccountsDetailsResponse"]["result"] for each in user["positions"]]
    found = [
        position_report(raw(row), FUTURES, 1) for row in [*rows, RESPONSES["PrivateGetPositionResponse"]["result"]]
    ]
    assert [(each.quantity, each.entry_price) for each in found if isinstance(each, PositionReport)] == [
        (200, D("49571.3")),
        (-60, D("47182.76")),
        (0, 0),
    ]
    assert position_report(raw(rows[0]), OPTIONS, 1) is None


async def test_the_open_orders_are_those_of_the_accounts_type() -> None:
    options = await DeribitAccountSource(DocumentedVenue().rest, SIGNER, OPTIONS).open_orders()
    (facts,) = options.facts
    assert (facts.instrument_id, facts.side, facts.type) == (
        "DERIBIT:BTC/USD-15FEB19-3250-P",
        Side.BUY,
        OrderType.LIMIT,
    )
    assert (facts.sent_id, facts.venue_order_id, facts.standing) == ("fooBar", "146062", Standing.WORKING)
    assert (facts.quantity, facts.executed, facts.executed_price) == (10, 0, None)
    assert (facts.limit_price, facts.placed_at_ms) == (D("0.0028"), 1550050597036)
    futures = await DeribitAccountSource(DocumentedVenue().rest, SIGNER, FUTURES).open_orders()
    assert (futures.facts, futures.unreadable) == ((), ())


# --- errors


def test_an_error_names_its_code_and_its_words() -> None:
    """The one error of the document: a price that is too high, here as the answer to a new order."""
    (stated,) = RESPONSES["PrivateMassQuoteResponse"]["result"]["errors"]
    answer = answer_of(b'{"jsonrpc":"2.0","id":1,"error":%s}' % bytes(raw(stated["error"])))
    assert answer is not None
    assert answer.said == "10007 price_too_high 43666.4288"
    outcome = classify_submit(400, answer)
    assert (outcome.verdict, outcome.reason) == (ReplyVerdict.REFUSED, RejectReason.INVALID_ORDER)


def test_an_error_that_is_a_number_proves_nothing() -> None:
    """So the schema of status 400 (`ErrorMessageResponse`) writes it, without an example."""
    answer = answer_of(b'{"jsonrpc":"2.0","id":1,"message":"price_too_high","error":10007}')
    assert answer is None
    assert classify_submit(400, answer).verdict is ReplyVerdict.UNKNOWN


def test_an_expired_token_is_a_refused_key() -> None:
    stated = b'{"code":13009,"message":"invalid_token","data":{"reason":"token has expired","param":"access_token"}}'
    answer = answer_of(
        b'{"jsonrpc":"2.0","error":%s,"usIn":1704153600000000,"usOut":1704153600001234,"id":42}' % stated
    )
    assert answer is not None
    assert answer.said == "13009 invalid_token access_token token has expired"
    assert answer.received_ms == 1704153600000
    assert classify_submit(400, answer).verdict is ReplyVerdict.KEY_REJECTED

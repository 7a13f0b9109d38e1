"""The parts of the wire that need no server: numbers, parameters, names of channels, scopes and credits."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.simulators.deribit.market.instruments import INDEXES, INSTRUMENTS
from cadenza.simulators.deribit.wire.access import read_scope
from cadenza.simulators.deribit.wire.channels import channel_family, read_channel
from cadenza.simulators.deribit.wire.credits import CreditBook, CreditPool, CreditRule, DeribitLimits
from cadenza.simulators.deribit.wire.errors import DeribitRefusal
from cadenza.simulators.deribit.wire.numbers import number
from cadenza.simulators.deribit.wire.params import MethodParams, read_json

D = Decimal
NAMES = {each.name: each for each in INSTRUMENTS}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("-0.000", "0.0"),
        ("10", "10.0"),
        ("1E+3", "1000.0"),
        ("59000.50", "59000.5"),
        ("0.0001", "0.0001"),
        ("0.00007766", "7.766e-5"),
        ("-0.00000001", "-1.0e-8"),
    ],
)
def test_numbers_are_written_as_the_venue_writes_them(value: str, text: str) -> None:
    assert bytes(number(D(value))).decode() == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**15), max_value=10**15))
def test_a_number_keeps_every_digit(value: Decimal) -> None:
    assert read_json(bytes(number(value))) == value


def refusal(read: object) -> tuple[str, str]:
    with pytest.raises(DeribitRefusal) as caught:
        read()  # type: ignore[operator]
    assert caught.value.code == -32602
    assert caught.value.data is not None
    return str(caught.value.data["param"]), str(caught.value.data["reason"])


@pytest.mark.parametrize("value", [D("0.1"), "0.1", "1e-1"])
def test_a_number_may_be_sent_as_text(value: object) -> None:
    assert MethodParams({"amount": value}).number("amount") == D("0.1")


@pytest.mark.parametrize("value", ["", "ten", "NaN", "0x1", True, [1], D("-1"), "1e99", D(1).scaleb(-19)])
def test_what_is_no_number_is_refused(value: object) -> None:
    assert refusal(lambda: MethodParams({"amount": value}).number("amount"))[0] == "amount"


def test_a_parameter_that_nobody_read_is_refused() -> None:
    params = MethodParams({"label": "a", "lable": "b", "access_token": "t", "left_out": None})
    params.label()
    assert refusal(params.done) == ("lable", "the method has no such parameter")


def test_a_label_has_at_most_64_characters() -> None:
    assert MethodParams({"label": "x" * 64}).label() == "x" * 64
    assert refusal(lambda: MethodParams({"label": "x" * 65}).label())[0] == "label"


def test_json_with_a_constant_is_no_json() -> None:
    with pytest.raises(ValueError, match="NaN is no number"):
        read_json('{"amount": NaN}')


@pytest.mark.parametrize(
    ("text", "family", "interval"),
    [
        ("book.BTC-PERPETUAL.raw", "book", "raw"),
        ("book.BTC-PERPETUAL.agg2", "book", "agg2"),
        ("book.BTC-PERPETUAL.none.20.100ms", "book", "100ms"),
        ("trades.option.any.100ms", "trades", "100ms"),
        ("ticker.BTC_USDC.raw", "ticker", "raw"),
        ("user.changes.any.any.raw", "user.changes", "raw"),
        ("user.orders.BTC-PERPETUAL.raw", "user.orders", "raw"),
        ("user.portfolio.btc", "user.portfolio", None),
        ("instrument.state.any.any", "instrument.state", None),
        ("deribit_price_index.btc_usd", "deribit_price_index", None),
    ],
)
def test_channels_that_there_are(text: str, family: str, interval: str | None) -> None:
    name = read_channel(text, NAMES, INDEXES)
    assert name is not None
    assert (name.family, name.interval) == (family, interval)
    assert channel_family({"channel": text}) == family


@pytest.mark.parametrize(
    "text",
    [
        "book.BTC-PERPETUAL",
        "book.NOPE.raw",
        "book.BTC-PERPETUAL.none.7.100ms",
        "book.BTC-PERPETUAL.5.20.100ms",
        "book.BTC-PERPETUAL.none.20.raw",
        "user.orders.any.raw",
        "user.orders.any.NOPE.raw",
        "user.changes.any.any.1s",
        "user.portfolio.SOL",
        "deribit_price_index.nope",
        "",
    ],
)
def test_channels_that_there_are_not(text: str) -> None:
    assert read_channel(text, NAMES, INDEXES) is None


def test_a_channel_of_several_instruments_shows_those_of_its_kind_and_currency() -> None:
    channel = read_channel("user.orders.future.BTC.raw", NAMES, INDEXES)
    assert channel is not None
    shown = {name for name, each in NAMES.items() if channel.shows(each)}
    assert shown == {"BTC-PERPETUAL", "BTC-27DEC30"}


def test_the_tick_depends_on_the_price() -> None:
    option = NAMES["BTC-27DEC30-60000-C"]
    assert [option.is_on_tick(D(price)) for price in ("0.0049", "0.005", "0.0051", "0.0505")] == [
        True,
        True,
        False,
        True,
    ]
    assert (option.down(D("0.05071")), option.up(D("0.05071"))) == (D("0.0505"), D("0.0510"))


def test_scopes_are_read_word_by_word() -> None:
    asked = read_scope("session:one trade:read account:none expires:60 mainaccount name:x ip:127.0.0.1")
    assert (asked.scopes, asked.session, asked.expires_s) == ({"trade": "read", "account": "none"}, "one", 60)
    with pytest.raises(DeribitRefusal):
        read_scope("trade:all")


def test_credits_grow_back_and_never_beyond_the_pool() -> None:
    book = CreditBook(DeribitLimits(matching=CreditRule(2, 5)))

    def allowed(now_ms: int) -> bool:
        try:
            book.charge("me", CreditPool.MATCHING, now_ms)
        except DeribitRefusal:
            return False
        return True

    assert [allowed(0), allowed(0), allowed(0)] == [True, True, False]
    assert [allowed(199), allowed(200)] == [False, True]
    assert [allowed(60_000) for _ in range(3)] == [True, True, False]
    with pytest.raises(DeribitRefusal) as caught:
        book.charge("me", CreditPool.MATCHING, 60_000)
    assert (caught.value.code, caught.value.ends_session) == (10028, True)
    book.charge("somebody else", CreditPool.MATCHING, 60_000)
    book.charge("me", CreditPool.NON_MATCHING, 60_000)

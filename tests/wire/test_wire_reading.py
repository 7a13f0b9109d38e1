"""Requests are read strictly, and what is wrong is told so that it can be put right."""

import contextlib
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from cadenza.domain.errors import InvalidRequest
from cadenza.domain.market.enums import Side
from cadenza.domain.money import to_plain
from cadenza.domain.trading.enums import OrderStatus, QuantityType
from cadenza.wire.accounts import ListTradingAccountsQuery
from cadenza.wire.auth import AuthSignupRequest
from cadenza.wire.credentials import ListTradingAccountCredentialsQuery
from cadenza.wire.examples import BODY_EXAMPLES
from cadenza.wire.market import GetMarketOrderBookQuery, ListMarketInstrumentsQuery, ListMarketOrderBooksQuery
from cadenza.wire.operations import CONNECT_ACCOUNT, CREATE_CREDENTIAL, ROTATE_CREDENTIAL, SUBMIT_ORDER, UPDATE_ACCOUNT
from cadenza.wire.orders import ListTradeOrdersQuery, SubmitTradeOrderRequest
from cadenza.wire.reading import _repeats_names, read_body, read_query

ORDER = dict(BODY_EXAMPLES[SUBMIT_ORDER])


def submit(**changes: object) -> SubmitTradeOrderRequest:
    return read_body(SubmitTradeOrderRequest, json.dumps({**ORDER, **changes}).encode())


def refusal(read: object, *args: object) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read(*args)  # type: ignore[operator]
    return caught.value.message


class TestBodies:
    def test_an_order_as_the_vendors_clients_send_it(self) -> None:
        command = submit(
            quantityRounding="", awaitClosed=False, quantityType="BASE", timeInForce="", leverage=0
        ).to_command()
        assert command.side is Side.BUY
        assert command.quantity_type is QuantityType.BASE
        assert command.time_in_force is None
        assert command.leverage is None
        assert to_plain(command.quantity) == "0.25"
        assert isinstance(command.account_id, UUID)

    def test_null_means_not_given_where_a_field_is_optional(self) -> None:
        assert submit(limitPrice=None, expireAt=None).limit_price is None

    def test_an_empty_text_means_not_given_where_a_text_is_optional(self) -> None:
        assert submit(idempotencyKey="", clientOrderId="") == submit(idempotencyKey=None, clientOrderId=None)
        assert submit(clientOrderId="").to_command() == submit(clientOrderId=None).to_command()
        for operation in (CREATE_CREDENTIAL, CONNECT_ACCOUNT, UPDATE_ACCOUNT, ROTATE_CREDENTIAL):
            assert operation.body is not None
            body = dict(BODY_EXAMPLES[operation])
            texts = {"nickname", "apiPassphrase"} & {f.encode_name for f in fields(operation.body)}
            assert texts
            empty = read_body(operation.body, json.dumps(body | dict.fromkeys(texts, "")).encode())
            absent = {name: value for name, value in body.items() if name not in texts}
            assert empty == read_body(operation.body, json.dumps(absent).encode())

    def test_an_empty_text_is_an_error_where_a_text_is_needed(self) -> None:
        refusal(lambda: submit(instrumentId=""))
        assert "limitPrice" in refusal(submit(limitPrice="").to_command)
        body = dict(BODY_EXAMPLES[ROTATE_CREDENTIAL]) | {"apiKey": ""}
        assert ROTATE_CREDENTIAL.body is not None
        refusal(read_body, ROTATE_CREDENTIAL.body, json.dumps(body).encode())

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"limitPrize": "1"}, "limitPrize: unknown field; did you mean limitPrice?"),
            ({"price": "1"}, "price: unknown field; did you mean limitPrice or stopPrice?"),
            ({"quantity": 0.25}, "quantity: Expected `str`, got `float` (decimals and identifiers are JSON strings"),
            ({"limitPrice": 5}, "limitPrice: Expected `str | null`, got `int`"),
            ({"instrumentId": "A\nB"}, "instrumentId: control characters are not allowed"),
            ({"instrumentId": "AB\n"}, "instrumentId: control characters are not allowed"),
            ({"clientOrderId": "x\x00"}, "clientOrderId: control characters are not allowed"),
            ({"instrumentId": ""}, "instrumentId: "),
            ({"tradingAccountId": "nope"}, "tradingAccountId: Invalid UUID"),
            ({"expireAt": -1}, "expireAt: Expected `int` >= 0"),
            ({"leverage": 1.0}, "leverage: Expected `int | null`, got `float`"),
            ({"awaitClosed": "yes"}, "awaitClosed: Expected `bool`"),
        ],
    )
    def test_what_is_wrong_is_named(self, changes: dict[str, object], told: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            submit(**changes)
        assert caught.value.message.startswith(told)
        assert caught.value.metadata["field"] == next(iter(changes))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("orderSide", "UNKNOWN"),
            ("orderSide", "buy"),
            ("orderType", ""),
            ("orderType", "UNKNOWN"),
            ("timeInForce", "UNKNOWN"),
            ("quantityType", ""),
            ("quantityRounding", "SIDEWAYS"),
            ("quantity", "1e3"),
            ("quantity", "+1"),
            ("quantity", ""),
            ("quantity", "1."),
            ("quantity", "NaN"),
            ("quantity", "١"),
            ("quantity", "1\n"),
            ("quantity", "9" * 41),
            ("limitPrice", "0." + "0" * 18 + "1"),
        ],
    )
    def test_words_and_numbers_outside_the_interface_are_refused(self, field: str, value: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            submit(**{field: value}).to_command()
        assert caught.value.metadata["field"] == field

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"{",
            b'"text"',
            b"{} {}",
            b'{"email": NaN}',
            b'{"email": "\xff"}',
            b"\xef\xbb\xbf{}",
            b'{"email":"a@b.c","password":"12345678","metadata":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
            b'{"email":"a@b.c","password":"12345678","metadata":{"n":' + b"9" * 5000 + b"}}",
            b'{"email":"a@b.c","password":"12345678","metadata":{"n":1e999}}',
            b'{"email":"a@b.c","password":"12345678","email":"x@y.z"}',
            b'{"email":"a@b.c","password":"12345678","metadata":{"a":1,"a":2}}',
            b'{"email":"a@b.c","password":"\\ud800"}',
        ],
    )
    def test_what_is_not_one_json_object_is_refused(self, body: bytes) -> None:
        refusal(read_body, AuthSignupRequest, body)

    def test_a_missing_field_is_named(self) -> None:
        assert refusal(read_body, AuthSignupRequest, b'{"email":"a@b.c"}') == "password: needed"

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        with pytest.raises(InvalidRequest):
            read_body(SubmitTradeOrderRequest, body)

    @pytest.mark.parametrize(
        "metadata",
        [{"a": "\x00"}, {"\x00": 1}, {"a": [[[[[[[[[[1]]]]]]]]]]}, {"a": list(range(300))}],
        ids=["text", "key", "depth", "size"],
    )
    def test_metadata_is_bounded(self, metadata: dict[str, object]) -> None:
        body = json.dumps({"email": "a@b.c", "password": "12345678", "metadata": metadata}).encode()
        request = read_body(AuthSignupRequest, body)
        assert refusal(request.facts).startswith("metadata")

    def test_the_invitation_travels_in_the_metadata(self) -> None:
        body = b'{"email":"a@b.c","password":"12345678","metadata":{"invitation":"code","desk":"x"}}'
        request = read_body(AuthSignupRequest, body)
        assert (request.invitation(), request.facts()) == ("code", {"desk": "x"})


class TestQueries:
    def test_lists_in_every_form(self) -> None:
        for query in (
            b"symbols=A/B&symbols=C/D",
            b"symbols=A%2FB,C/D",
            b"symbols[]=A/B&symbols[]=C/D",
            b"symbols%5B%5D=A/B,C/D",
        ):
            assert read_query(ListMarketInstrumentsQuery, query).symbols == ["A/B", "C/D"]

    def test_an_empty_text_means_not_given(self) -> None:
        asked = read_query(ListTradeOrdersQuery, b"orderStatus=&cursor=&instrumentId=").to_query()
        assert (asked.statuses, asked.cursor, asked.instrument_id) == (frozenset(), None, None)

    def test_values(self) -> None:
        asked = read_query(
            ListTradeOrdersQuery, b"orderStatus=CANCELLED&limit=1000&offset=5&ascending=True&startTime=1&endTime=2"
        ).to_query()
        assert (asked.limit, asked.offset, asked.ascending) == (1000, 5, True)
        assert asked.statuses == {OrderStatus.CANCELED}
        assert (asked.start_ms, asked.end_ms) == (1, 2)

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            (b"limitt=1", "limitt: unknown field; did you mean limit?"),
            (b"limit=1&limit=2", "limit: given more than once"),
            (b"limit=0", "limit: Expected `int` >= 1"),
            (b"limit=1001", "limit: Expected `int` <= 1000"),
            (b"limit=", "limit: expected an integer"),
            (b"limit=1e2", "limit: expected an integer"),
            (b"limit=+5", "limit: expected an integer"),
            (b"limit=\xd9\xa1", "limit: expected an integer"),
            (b"offset=-1", "offset: Expected `int` >= 0"),
            (b"offset=9223372036854775807", "offset: Expected `int` <="),
            (b"offset=99999999999999999999999", "offset: expected an integer"),
            (b"ascending=1", "ascending: expected true or false"),
            (b"tradeOrderId=1", "tradeOrderId: Invalid UUID"),
            (b"tradeOrderId=", "tradeOrderId: Invalid UUID"),
            (b"instrumentId=%00", "instrumentId: control characters"),
            (b"startTime=-1", "startTime: Expected `int` >= 0"),
            (b"cursor=%ff", "the query string is not UTF-8"),
            (b"cursor=\xff", "the query string is not UTF-8"),
            (b"&".join([b"limit=1"] * 400), "the query string is not UTF-8, or has more than"),
        ],
    )
    def test_what_is_wrong_is_named(self, query: bytes, told: str) -> None:
        assert refusal(read_query, ListTradeOrdersQuery, query).startswith(told)

    def test_a_range_that_ends_before_it_starts(self) -> None:
        assert "startTime" in refusal(read_query(ListTradeOrdersQuery, b"startTime=2&endTime=1").to_query)

    def test_the_credential_status_takes_both_enums(self) -> None:
        def count(text: bytes) -> int:
            return len(read_query(ListTradingAccountCredentialsQuery, b"credentialStatus=" + text).statuses())

        assert [count(t) for t in (b"", b"CREATED", b"REVOKED", b"ACTIVE", b"LOCKED")] == [2, 1, 1, 1, 0]
        for text in (b"UNKNOWN", b"VALIDATED", b"nonsense"):
            refusal(read_query(ListTradingAccountCredentialsQuery, b"credentialStatus=" + text).statuses)

    def test_venue_filters(self) -> None:
        assert read_query(ListTradingAccountsQuery, b"venue=").to_query().venue_id is None
        assert str(read_query(ListTradingAccountsQuery, b"venue=IBKR_PAPER").to_query().venue_id) == "IBKR_PAPER"
        assert refusal(read_query(ListTradingAccountsQuery, b"venue=MTGOX").to_query).startswith(
            "venue: 'MTGOX' is not a venue"
        )

    def test_a_book_is_named_by_id_or_by_venue_and_symbol(self) -> None:
        def instrument(query: bytes) -> str:
            return read_query(GetMarketOrderBookQuery, query).instrument()

        assert instrument(b"instrumentId=PAPER:BTC/USDT") == "PAPER:BTC/USDT"
        assert instrument(b"venue=PAPER&symbol=BTC/USDT") == "PAPER:BTC/USDT"
        assert instrument(b"instrumentId=PAPER:BTC/USDT&venue=PAPER&symbol=BTC/USDT") == "PAPER:BTC/USDT"
        for query in (
            b"",
            b"venue=PAPER",
            b"symbol=BTC/USDT",
            b"instrumentId=PAPER:BTC/USDT&venue=OKX",
            b"instrumentId=PAPER:BTC/USDT&symbol=ETH/USDT",
        ):
            refusal(instrument, query)

    def test_books_keep_the_order_asked_for(self) -> None:
        asked = read_query(ListMarketOrderBooksQuery, b"venue=PAPER&symbols=C/D,A/B")
        assert asked.instruments() == ["PAPER:C/D", "PAPER:A/B"]
        refusal(read_query(ListMarketOrderBooksQuery, b"instrumentIds=").instruments)

    @given(st.binary(max_size=100))
    def test_any_bytes_are_read_or_refused(self, query: bytes) -> None:
        with contextlib.suppress(InvalidRequest):
            assert read_query(ListTradeOrdersQuery, query).limit >= 1


def signup(metadata: str) -> AuthSignupRequest:
    text = f'{{"email":"a@b.c","password":"long-enough-1","metadata":{metadata}}}'
    return read_body(AuthSignupRequest, text.encode())


@pytest.mark.parametrize(
    "metadata",
    [
        '{"a":1,"a":2}',
        '{"a":{"b":1,"c":{"d":1,"d":1}}}',
        '{"a":[1,[{"b":1,"b":1}]]}',
        '{"a":1,"\\u0061":2}',
        '{"\\"a:":1,"\\"a:":2}',
        '{"":1,"":2}',
        '{"a" : 1 , "b:c" : ":" , "a"\n:\n2}',
    ],
)
def test_a_name_given_twice_is_refused_at_any_depth(metadata: str) -> None:
    assert "is given more than once" in refusal(signup, metadata)


def test_a_field_given_twice_is_refused_however_it_is_written() -> None:
    text = json.dumps(ORDER)
    for again in ('"quantity":"1"', '"\\u0071uantity":"1"', '"quantity"  :"1"'):
        told = refusal(read_body, SubmitTradeOrderRequest, f"{text[:-1]},{again}}}".encode())
        assert told.endswith("field 'quantity' is given more than once")


JSON_TEXTS = st.text(st.sampled_from('ab:{}[],"\\\n\u0001é'), max_size=4)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | JSON_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_TEXTS, inner, max_size=3),
)


@given(st.dictionaries(JSON_TEXTS, JSON_VALUES, max_size=3), st.booleans())
def test_names_that_are_not_repeated_are_never_mistaken_for_repeated_ones(value: object, ascii_only: bool) -> None:
    body = json.dumps({"m": value}, ensure_ascii=ascii_only).encode()
    assert not _repeats_names(body)
    assert _repeats_names(b'{"m":' + body + b',"n":[{"a":1,"a":' + body + b"}]}")

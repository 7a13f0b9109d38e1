"""No secret is left, and nothing else is changed."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cadenza.network.redaction import REDACTED, Redaction

SECRET = "s3cr3t-V4lue"
names = st.sampled_from(["apiKey", "signature", "SIGNATURE", "listenToken"])
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False).map(str) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
hidden = st.sampled_from([SECRET, f'"{SECRET}\\', [SECRET, {"a": SECRET}], {"b": [SECRET]}])


def redaction() -> Redaction:
    return Redaction(["apikey", "signature", "listenToken"])


@given(before=plain, after=plain, name=names, value=hidden, depth=st.integers(0, 3), indent=st.sampled_from([None, 1]))
def test_a_named_field_is_taken_out_however_deep_and_all_else_stays(
    before: Any, after: Any, name: str, value: Any, depth: int, indent: int | None
) -> None:
    assume(not {"apikey", "signature", "listentoken"} & set(json.dumps([before, after]).lower().split('"')))

    def message(shown: Any) -> str:
        inner: Any = {name: shown, "after": after}
        for _ in range(depth):
            inner = [before, {"in": inner}]
        return json.dumps(inner, indent=indent)

    assert redaction().text(message(value)) == message(REDACTED)


def test_json_within_a_json_string_is_looked_into() -> None:
    inner = json.dumps({"apiKey": SECRET, "price": "1.10", "signature": f'x"{SECRET}'})
    twice = json.dumps({"payload": json.dumps({"again": inner}), "payload2": inner})
    redacted = redaction().text(twice)
    assert SECRET not in redacted
    assert '"1.10' in redacted.replace("\\", "")


@pytest.mark.parametrize(
    "text", ['{"apiKey": "%s', '{"apiKey": {"a": "%s"', '{"apiKey": %s}', '{"apiKey":' + "[" * 99_999 + '"%s"']
)
def test_what_cannot_be_read_to_its_end_is_taken_out_to_the_end(text: str) -> None:
    assert (
        redaction().text(text % SECRET)
        == text[: text.index(":") + 1 + (text[text.index(":") + 1] == " ")] + f'"{REDACTED}"'
    )


def test_queries_and_forms() -> None:
    redact = redaction().text
    url = f"https://h/api/order?symbol=BTC&Signature={SECRET}%3D&price=1.0#part"
    assert redact(url) == f"https://h/api/order?symbol=BTC&Signature={REDACTED}&price=1.0#part"
    assert redact(f"apiKey={SECRET}&x=1") == f"apiKey={REDACTED}&x=1"
    assert (
        redact(f'{{"url":"wss://h/?listenToken={SECRET}","b":1}}')
        == f'{{"url":"wss://h/?listenToken={REDACTED}","b":1}}'
    )
    assert redact("mysignature=1&nosignature=2") == "mysignature=1&nosignature=2"


def test_headers_by_name_without_case_and_values_anywhere() -> None:
    redact = Redaction(["X-Key"], [SECRET, "tok/en+1="])
    headers = {"x-key": "k", "AUTHORIZATION": "Basic x", "Set-Cookie": "a", "X-Other": f"has {SECRET}", "X-Plain": "1"}
    assert redact.headers(headers) == {
        "x-key": REDACTED,
        "AUTHORIZATION": REDACTED,
        "Set-Cookie": REDACTED,
        "X-Other": f"has {REDACTED}",
        "X-Plain": "1",
    }
    assert redact.text(f"wss://h/ws/{SECRET}/x?t=tok%2Fen%2B1%3D") == f"wss://h/ws/{REDACTED}/x?t={REDACTED}"
    assert redact.data(b"\xff" + SECRET.encode()) == b"\xff" + REDACTED.encode()
    redact.add_value("later-token")
    assert redact.text("later-token") == REDACTED
    with pytest.raises(ValueError, match="too short") as refusal:
        redact.add_value("abc")
    assert "abc" not in str(refusal.value)

"""E-mail addresses in one spelling, metadata, passwords, refresh verdicts."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadenza.domain.errors import InvalidRequest, WeakPassword
from cadenza.domain.identity.email import normalise_email
from cadenza.domain.identity.metadata import merge_metadata
from cadenza.domain.identity.password import check_new_password
from cadenza.domain.identity.session import RefreshVerdict, Session


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        ("a.b+tag@sub.example.org", "a.b+tag@sub.example.org"),
        ("ops@desk.local", "ops@desk.local"),
        ("qa@service.test", "qa@service.test"),
        ("jörg@BÜCHER.example", "jörg@bücher.example"),
        ("ann@xn--bcher-kva.example", "ann@bücher.example"),
        ("o'neil@example.com", "o'neil@example.com"),
    ],
)
def test_an_address_has_one_spelling(text: str, normal: str) -> None:
    assert normalise_email(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "a b@example.com",
        "ann@example.com\nBcc: x@y.org",
        "a" * 300,
        "Ann <ann@example.com>",
        "ann@[127.0.0.1]",
        "a\0b@example.com",
        "ann@exa_mple.com",
        "ann@example.com ",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        normalise_email(text)


@given(st.emails())
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        once = normalise_email(text)
    except InvalidRequest:
        return
    assert normalise_email(once) == once
    assert normalise_email(once.upper()) == once or not once.isascii()


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert "@" in normalise_email(text)


@pytest.mark.parametrize("password", ["", "short", "1234567", "x" * 257, "é" * 129, "\ud800" * 8])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_new_password(password)


@pytest.mark.parametrize("password", ["12345678", "x" * 256, "é" * 128, " " * 8])
def test_other_passwords_are_taken(password: str) -> None:
    check_new_password(password)


@pytest.mark.parametrize("changes", [{"x": "y" * 20_000}, {"x": float("nan")}, {"x": object()}, {"x": float("inf")}])
def test_impossible_metadata_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        merge_metadata({}, changes)


@given(
    active=st.integers(0, 5),
    presented=st.integers(0, 6),
    age_ms=st.integers(0, 20_000),
    is_revoked=st.booleans(),
    is_over=st.booleans(),
)
def test_a_refresh_token_is_good_once(
    active: int, presented: int, age_ms: int, is_revoked: bool, is_over: bool
) -> None:
    session = Session(
        id=None,  # type: ignore[arg-type]
        user_id=None,  # type: ignore[arg-type]
        created_at_ms=0,
        refreshed_at_ms=0,
        expires_at_ms=age_ms if is_over else age_ms + 1,
        refresh_counter=active,
        revoked_at_ms=0 if is_revoked else None,
    )
    verdict = session.judge_refresh(presented, now_ms=age_ms, reuse_interval_ms=10_000)
    if is_revoked or is_over or presented > active:
        assert verdict is RefreshVerdict.REFUSE
    elif presented == active:
        assert verdict is RefreshVerdict.ROTATE
    elif presented == active - 1 and age_ms < 10_000:
        assert verdict is RefreshVerdict.REPEAT
    else:
        assert verdict is RefreshVerdict.REUSED

"""Signatures: equal inputs give what a third-party client computed, and nothing shows a secret."""

import hashlib
import hmac

import pytest

from cadenza.adapters.venues.deribit.credential import DeribitSigner
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.errors import InvalidCredential

SIGNER = DeribitSigner(CredentialType.HMAC, Secrets("AMANDA", "AMANDASECRECT", None))


def test_a_request_is_signed_as_the_documents_say() -> None:
    header = SIGNER.header(
        "GET", "/api/v2/private/get_account_summary?currency=BTC", "", venue_ms=1576074319000, nonce="1iqt2wls"
    )
    signed = "1576074319000\n1iqt2wls\nGET\n/api/v2/private/get_account_summary?currency=BTC\n\n"
    expected = hmac.new(b"AMANDASECRECT", signed.encode(), hashlib.sha256).hexdigest()
    assert header == f"deri-hmac-sha256 id=AMANDA,ts=1576074319000,nonce=1iqt2wls,sig={expected}"


def test_a_login_is_signed_over_time_nonce_and_data() -> None:
    login = SIGNER.login(venue_ms=1576074319000, nonce="1iqt2wls")
    expected = hmac.new(b"AMANDASECRECT", b"1576074319000\n1iqt2wls\n", hashlib.sha256).hexdigest()
    assert login["signature"] == expected
    assert "AMANDASECRECT" not in str(login)


@pytest.mark.parametrize(("key", "secret"), [("", "s"), ("k", ""), ("a key", "s"), ("a,b", "s"), ("k" * 257, "s")])
def test_what_is_no_key_is_refused_without_showing_it(key: str, secret: str) -> None:
    with pytest.raises(InvalidCredential) as refusal:
        DeribitSigner(CredentialType.HMAC, Secrets(key, secret, None))
    assert "a key" not in str(refusal.value)


def test_other_types_of_keys_are_refused() -> None:
    other = next(type for type in CredentialType if type is not CredentialType.HMAC)
    with pytest.raises(InvalidCredential):
        DeribitSigner(other, Secrets("k", "s", None))
    assert "AMANDASECRECT" not in repr(SIGNER)
